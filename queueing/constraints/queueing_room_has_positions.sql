-- Every room has a sequence of its own for positions, made and dropped with the room.
-- It runs with the rights of the schema's owner: the application's role only reads and writes rows.

CREATE FUNCTION queueing_room_has_positions() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        EXECUTE format('CREATE SEQUENCE IF NOT EXISTS %I.%I',
                       TG_TABLE_SCHEMA, 'queueing_position_' || NEW.id);
    ELSE
        EXECUTE format('DROP SEQUENCE IF EXISTS %I.%I',
                       TG_TABLE_SCHEMA, 'queueing_position_' || OLD.id);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER queueing_room_has_positions
    AFTER INSERT OR DELETE ON queueing_waitingroom
    FOR EACH ROW EXECUTE FUNCTION queueing_room_has_positions();
