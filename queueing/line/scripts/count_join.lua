-- Counts a request to join. KEYS: the user's counter of joins, the address's, and optionally a
-- session of the cache that must be the user's. ARGV: the limits of the two counters, the user's
-- id. Returns false within the limits, the seconds until a counter restarts beyond one, 'stranger'
-- without the session. Guarantees: a stranger counts nothing; a request that the user's limit
-- refuses is not counted for the address.

-- include is_session_of
-- include too_often

if KEYS[3] and not is_session_of(KEYS[3], ARGV[3]) then return 'stranger' end
return too_often(KEYS[1], ARGV[1]) or too_often(KEYS[2], ARGV[2])
