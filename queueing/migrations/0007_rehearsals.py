"""Rehearsals are marked, once and for good, and kept apart from the sale.

- a room of a rehearsal and its buyers carry the rehearsal's name, the room's slug; neither mark
  ever changes
- a place in line is taken only by a user with the mark of the room: no real buyer gets into a
  rehearsal, and no rehearsal's buyer into a sale, so their money never meets
- a room's sequence is made and dropped with the rights of the owner of the schema, so that the
  application's role needs none but to read and write rows

Rehearsals that an earlier version kept are marked by what it called them. One that a real user
joined, or with a buyer who joined another room, stays unmarked: there is real money in it.
"""

from django.db import migrations, models

MARK = r"""
CREATE TEMPORARY TABLE played ON COMMIT DROP AS
    SELECT id AS user_id, substring(email FROM '^(rehearsal-[0-9a-f]{8})-') AS name
    FROM accounts_user
    WHERE email ~ '^rehearsal-[0-9a-f]{8}-[0-9]+@rehearsal\.invalid$'
      -- No password: nobody signed up with this address.
      AND password LIKE '!%';

CREATE TEMPORARY TABLE rehearsed ON COMMIT DROP AS
    SELECT room.id AS room_id, room.slug AS name FROM queueing_waitingroom room
    WHERE room.slug ~ '^rehearsal-[0-9a-f]{8}$'
      AND NOT EXISTS (
          SELECT FROM queueing_queuetoken token
          WHERE token.room_id = room.id AND NOT EXISTS (
              SELECT FROM played
              WHERE played.user_id = token.user_id AND played.name = room.slug))
      AND NOT EXISTS (
          SELECT FROM queueing_queuetoken token JOIN played ON played.user_id = token.user_id
          WHERE played.name = room.slug AND token.room_id <> room.id);

UPDATE queueing_waitingroom room SET rehearsal = rehearsed.name
FROM rehearsed WHERE rehearsed.room_id = room.id;

UPDATE accounts_user person SET rehearsal = played.name
FROM played JOIN rehearsed ON rehearsed.name = played.name
WHERE played.user_id = person.id;

-- So that the tables can be altered in this transaction.
SET CONSTRAINTS ALL IMMEDIATE;
"""

PROMISES = """
CREATE FUNCTION queueing_rehearsal_mark_never_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what is a rehearsal''s and what is real never changes (% %)',
        TG_TABLE_NAME, OLD.id
        USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
END $$;

CREATE TRIGGER accounts_user_rehearsal_never_changes
    BEFORE UPDATE ON accounts_user
    FOR EACH ROW WHEN (OLD.rehearsal <> NEW.rehearsal)
    EXECUTE FUNCTION queueing_rehearsal_mark_never_changes();

CREATE TRIGGER queueing_waitingroom_rehearsal_never_changes
    BEFORE UPDATE ON queueing_waitingroom
    FOR EACH ROW WHEN (OLD.rehearsal <> NEW.rehearsal)
    EXECUTE FUNCTION queueing_rehearsal_mark_never_changes();

CREATE FUNCTION queueing_token_keeps_rehearsals_apart() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT rehearsal FROM queueing_waitingroom WHERE id = NEW.room_id)
       <> (SELECT rehearsal FROM accounts_user WHERE id = NEW.user_id) THEN
        RAISE EXCEPTION 'user % and room % are not of the same rehearsal',
            NEW.user_id, NEW.room_id
            USING ERRCODE = 'check_violation',
                  CONSTRAINT = 'queueing_token_keeps_rehearsals_apart';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER queueing_token_keeps_rehearsals_apart
    AFTER INSERT OR UPDATE OF user_id, room_id ON queueing_queuetoken
    FOR EACH ROW EXECUTE FUNCTION queueing_token_keeps_rehearsals_apart();

CREATE OR REPLACE FUNCTION queueing_room_has_positions() RETURNS trigger LANGUAGE plpgsql
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
"""

BACKWARD = """
DROP TRIGGER queueing_token_keeps_rehearsals_apart ON queueing_queuetoken;
DROP FUNCTION queueing_token_keeps_rehearsals_apart();
DROP TRIGGER queueing_waitingroom_rehearsal_never_changes ON queueing_waitingroom;
DROP TRIGGER accounts_user_rehearsal_never_changes ON accounts_user;
DROP FUNCTION queueing_rehearsal_mark_never_changes();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_rehearsals"),
        ("queueing", "0006_promises_are_not_for_queries"),
    ]

    operations = [
        migrations.AddField(
            model_name="waitingroom",
            name="rehearsal",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                editable=False,
                max_length=100,
                verbose_name="rehearsal",
            ),
        ),
        migrations.AddConstraint(
            model_name="waitingroom",
            constraint=models.CheckConstraint(
                condition=models.Q(("rehearsal", ""), ("rehearsal", models.F("slug")), _connector="OR"),
                name="queueing_waitingroom_rehearsal_is_its_slug",
            ),
        ),
        migrations.AlterField(
            model_name="queuetoken",
            name="room",
            field=models.ForeignKey(
                db_index=False,
                limit_choices_to={"rehearsal": ""},
                on_delete=models.deletion.PROTECT,
                related_name="tokens",
                to="queueing.waitingroom",
                verbose_name="waiting room",
            ),
        ),
        migrations.RunSQL([MARK], migrations.RunSQL.noop),
        migrations.RunSQL([PROMISES], [BACKWARD]),
    ]
