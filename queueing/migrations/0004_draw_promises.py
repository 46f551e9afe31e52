"""What makes a draw believable, kept by the database for every writer.

- a room that shuffles has a secret seed, and its hash to publish, from the moment it shuffles
- whether a room shuffles is settled once somebody has joined it, or once it was drawn
- a seed is what was promised, and neither it nor the promise ever changes
- a draw that is done stays as it is, for as long as its room is there
"""

from django.db import migrations

FORWARD = """
-- A promise made after people came is none. Until now the flag did nothing.
UPDATE queueing_waitingroom SET shuffle = false
WHERE shuffle AND EXISTS (SELECT FROM queueing_queuetoken WHERE room_id = queueing_waitingroom.id);

-- So that the table can be altered: Django checks its foreign keys when the transaction ends.
SET CONSTRAINTS ALL IMMEDIATE;

ALTER TABLE queueing_draw ADD CONSTRAINT queueing_draw_seed_is_as_promised
    CHECK (octet_length(seed) = 32 AND commitment = encode(sha256(seed), 'hex'));

CREATE FUNCTION queueing_shuffling_room_has_draw() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- 244 random bits from the operating system; the extension that makes bytes is not everywhere.
    INSERT INTO queueing_draw (room_id, seed, commitment, committed_at, participants_hash)
    SELECT NEW.id, random.seed, encode(sha256(random.seed), 'hex'), clock_timestamp(), ''
    FROM (SELECT uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) AS seed) random
    ON CONFLICT (room_id) DO NOTHING;
    RETURN NULL;
END $$;

CREATE TRIGGER queueing_shuffling_room_has_draw
    AFTER INSERT OR UPDATE OF shuffle ON queueing_waitingroom
    FOR EACH ROW WHEN (NEW.shuffle) EXECUTE FUNCTION queueing_shuffling_room_has_draw();

UPDATE queueing_waitingroom SET shuffle = true WHERE shuffle;

CREATE FUNCTION queueing_shuffle_is_settled() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Whoever joins holds this lock shared until the commit: nobody is on the way unseen.
    PERFORM pg_advisory_xact_lock(hashtextextended(OLD.id::text, 0));
    IF EXISTS (SELECT FROM queueing_queuetoken WHERE room_id = OLD.id)
       OR EXISTS (SELECT FROM queueing_draw WHERE room_id = OLD.id AND drawn_at IS NOT NULL) THEN
        RAISE EXCEPTION 'whether room % draws lots is settled', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'queueing_shuffle_is_settled';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER queueing_shuffle_is_settled
    BEFORE UPDATE OF shuffle ON queueing_waitingroom
    FOR EACH ROW WHEN (OLD.shuffle <> NEW.shuffle)
    EXECUTE FUNCTION queueing_shuffle_is_settled();

CREATE FUNCTION queueing_draw_never_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the draw of room % was written for good', OLD.room_id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'queueing_draw_never_changes';
END $$;

CREATE TRIGGER queueing_draw_never_changes
    BEFORE UPDATE ON queueing_draw
    FOR EACH ROW WHEN (
        OLD.drawn_at IS NOT NULL
        OR (OLD.room_id, OLD.seed, OLD.commitment, OLD.committed_at)
            IS DISTINCT FROM (NEW.room_id, NEW.seed, NEW.commitment, NEW.committed_at)
    )
    EXECUTE FUNCTION queueing_draw_never_changes();

CREATE FUNCTION queueing_draw_stays_with_its_room() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM queueing_waitingroom WHERE id = OLD.room_id) THEN
        RAISE EXCEPTION 'the draw of room % goes when the room goes', OLD.room_id
            USING ERRCODE = 'restrict_violation',
                  CONSTRAINT = 'queueing_draw_stays_with_its_room';
    END IF;
    RETURN NULL;
END $$;

-- At commit: a room and its draw are deleted by two statements, the draw first.
CREATE CONSTRAINT TRIGGER queueing_draw_stays_with_its_room
    AFTER DELETE ON queueing_draw
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION queueing_draw_stays_with_its_room();
"""

BACKWARD = """
DROP TRIGGER queueing_draw_stays_with_its_room ON queueing_draw;
DROP FUNCTION queueing_draw_stays_with_its_room();
DROP TRIGGER queueing_draw_never_changes ON queueing_draw;
DROP FUNCTION queueing_draw_never_changes();
DROP TRIGGER queueing_shuffle_is_settled ON queueing_waitingroom;
DROP FUNCTION queueing_shuffle_is_settled();
DROP TRIGGER queueing_shuffling_room_has_draw ON queueing_waitingroom;
DROP FUNCTION queueing_shuffling_room_has_draw();
ALTER TABLE queueing_draw DROP CONSTRAINT queueing_draw_seed_is_as_promised;
"""


class Migration(migrations.Migration):
    dependencies = [("queueing", "0003_draw")]

    operations = [migrations.RunSQL([FORWARD], [BACKWARD])]
