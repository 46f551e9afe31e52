-- Counts a request in the counter at `key`, which restarts WINDOW_SECONDS after its first request.
-- False within the limit, otherwise the seconds until the restart, at least 1.
local WINDOW_SECONDS = 10
local function too_often(key, limit)
    local count = redis.call('INCR', key)
    if count == 1 then redis.call('EXPIRE', key, WINDOW_SECONDS) end
    return count > tonumber(limit) and math.max(1, redis.call('TTL', key))
end
