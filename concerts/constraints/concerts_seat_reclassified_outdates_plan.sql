-- A seat of another kind outdates its plan, as other edits do: see concerts_seat_outdates_plan.sql.

CREATE TRIGGER concerts_seat_reclassified_outdates_plan
    AFTER UPDATE OF kind ON concerts_seat
    FOR EACH ROW WHEN (OLD.kind <> NEW.kind)
    EXECUTE FUNCTION concerts_seat_outdates_plan();
