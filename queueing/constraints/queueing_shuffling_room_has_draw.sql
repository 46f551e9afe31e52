-- A room that shuffles has a secret seed, and its hash to publish, from the moment it shuffles.

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
