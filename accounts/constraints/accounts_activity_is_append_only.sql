-- An entry of the log is never changed or deleted. Only what names a person whose account is being
-- deleted is taken out of the entries about them.

CREATE FUNCTION accounts_activity_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        OLD.target_text := '';
        OLD.old := NULL;
        OLD.new := NULL;
        IF NEW IS NOT DISTINCT FROM OLD AND EXISTS (
            SELECT FROM accounts_user
            JOIN django_content_type AS type ON type.id = NEW.target_type_id
            WHERE accounts_user.id::text = NEW.target_key
              AND (type.app_label, type.model) = ('accounts', 'user')
              AND (deleted_at IS NOT NULL OR closes_at <= clock_timestamp())
        ) THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'an entry of the log is never changed or deleted'
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'accounts_activity_is_append_only';
END $$;

CREATE TRIGGER accounts_activity_is_append_only
    BEFORE UPDATE OR DELETE ON accounts_activity
    FOR EACH ROW EXECUTE FUNCTION accounts_activity_is_append_only();
