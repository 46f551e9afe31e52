-- Whether the cache has the session at `key` and it is of the user with this id. The cache writes a
-- session pickled, in which the user's id stands as text. If that changes, every poll falls through
-- to Django, and test_fast_path.py fails: it allows a poll no SQL.
local function is_session_of(key, user)
    local session = redis.call('GET', key)
    return session and string.find(session, user, 1, true)
end
