-- Notes changes of a schedule's seats that were committed. KEYS: changes (keys.py), then the own
-- changes and held_lately of each user. ARGV: how many seconds own changes and held_lately are
-- kept; for each user whether they took a hold (1 or 0), the number of changes, and seat number,
-- version and state of each. Returns the number of this change. Guarantees: the number is greater
-- than all before, also after a flush; an older version of a seat does not replace a newer one.

local time = redis.call('TIME')
local change = math.max(tonumber(redis.call('GET', KEYS[1]) or 0) + 1, time[1] * 1000000 + time[2])
local number = string.format('%.0f', change)
redis.call('SET', KEYS[1], number, 'EX', 86400)
local at = 3
for user = 2, #KEYS, 2 do
    if ARGV[at] == '1' then redis.call('SET', KEYS[user + 1], 1, 'EX', ARGV[2]) end
    local last = at + 1 + 3 * ARGV[at + 1]
    for i = at + 2, last, 3 do
        local known = redis.call('HGET', KEYS[user], ARGV[i])
        if not known or tonumber(string.match(known, '%d+')) < tonumber(ARGV[i + 1]) then
            redis.call('HSET', KEYS[user], ARGV[i], ARGV[i + 1] .. ' ' .. ARGV[i + 2])
        end
    end
    redis.call('EXPIRE', KEYS[user], ARGV[1])
    at = last + 1
end
return number
