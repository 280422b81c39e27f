/*
 * A record is one Redis string: a version of 16 characters, the names of its lists, the value.
 *
 *     <version><list>\x10,<list>\x10,\x10.<value>
 *
 * Names are escaped so that neither separator occurs in them. A list is a sorted set of equal scores, so that its
 * members lie in the order of their bytes and a page starts anywhere in logarithmic time. The names of all keys are
 * made from KEYS[1]: whatever prefix a client puts in front stays in front, and the hash tag keeps them in one slot.
 */
const prelude = `
local function tag(kind) return string.sub(KEYS[1], 1, -#ARGV[1] - 2) .. kind end
local function head(key)
  local text = redis.call('GETRANGE', key, 0, 255)
  if text == '' or string.find(text, '\\16.', 17, true) then return text end
  return redis.call('GET', key)
end
local function names(record)
  local found, from = {}, 17
  while string.sub(record, from, from + 1) ~= '\\16.' do
    local stop = string.find(record, '\\16,', from, true)
    found[#found + 1] = string.sub(record, from, stop - 1)
    from = stop + 2
  end
  return found
end
local function listed(key, name)
  local record = head(key)
  if record ~= '' then
    for _, each in ipairs(names(record)) do
      if each == name then return true end
    end
  end
  return false
end
local function settle(list)
  if redis.call('ZCARD', list) > 16 then return end
  local longest = 1
  for _, member in ipairs(redis.call('ZRANGE', list, 0, -1)) do
    local left = redis.call('PTTL', tag(':') .. member)
    if left == -1 then return end
    if left > longest then longest = left end
  end
  redis.call('PEXPIRE', list, longest)
end
local function leave(record)
  local lasts = redis.call('PTTL', KEYS[1]) == -1
  for _, name in ipairs(names(record)) do
    redis.call('ZREM', tag('@') .. name, ARGV[1])
    if lasts then settle(tag('@') .. name) end
  end
end
`

/*
 * A set of names lives as long as its longest member, so that the list of somebody who never comes back goes away. One
 * that a lasting member has left gets a lifetime again, unless it is long; that one waits for a read or a write. In a list
 * that is always written to, each write drops what it meets of the expired among two random members: no more than
 * a third of a list is ever dead.
 */
const write = `
local function write(record, ttl)
  if ttl == '' then redis.call('SET', KEYS[1], record) else redis.call('SET', KEYS[1], record, 'PX', ttl) end
  for _, name in ipairs(names(record)) do
    local list = tag('@') .. name
    local left = redis.call('PTTL', list)
    redis.call('ZADD', list, 0, ARGV[1])
    if ttl == '' then
      if left >= 0 then redis.call('PERSIST', list) end
    elseif left == -2 or (left >= 0 and left < tonumber(ttl)) then
      redis.call('PEXPIRE', list, ttl)
    end
    for _, member in ipairs(redis.call('ZRANDMEMBER', list, 2)) do
      if not listed(tag(':') .. member, name) then redis.call('ZREM', list, member) end
    end
  end
end
`

/** Arguments: key, record, milliseconds or nothing. */
export const set: string = `${prelude}${write}
local old = head(KEYS[1])
if old ~= '' then leave(old) end
write(ARGV[2], ARGV[3])
return 1`

/** Arguments as of `set`. A client that sends a command again after a lost reply finds its own version, and has won. */
export const add: string = `${prelude}${write}
local version = redis.call('GETRANGE', KEYS[1], 0, 15)
if version ~= '' then return version == string.sub(ARGV[2], 1, 16) and 1 or 0 end
write(ARGV[2], ARGV[3])
return 1`

/** Arguments as of `set`, then the version to replace. */
export const compareAndSet: string = `${prelude}${write}
local version = redis.call('GETRANGE', KEYS[1], 0, 15)
if version ~= ARGV[4] then return version == string.sub(ARGV[2], 1, 16) and 1 or 0 end
leave(head(KEYS[1]))
write(ARGV[2], ARGV[3])
return 1`

/**
 * Arguments: key, a name for this call, milliseconds to remember it. A client that sends a command again after a lost
 * reply would find nothing and tell somebody with a good code that it is none; so the call finds what it took.
 */
export const take: string = `${prelude}
local record = redis.call('GET', KEYS[1])
local taken = tag('!') .. ARGV[2]
if not record then return redis.call('GET', taken) end
leave(record)
redis.call('RENAME', KEYS[1], taken)
redis.call('PEXPIRE', taken, ARGV[3])
return record`

/** Arguments: key. */
export const remove: string = `${prelude}
local record = head(KEYS[1])
if record == '' then return 0 end
leave(record)
redis.call('DEL', KEYS[1])
return 1`

/** Arguments: key, a version that marks a counter, milliseconds or nothing. */
export const increment: string = `
local record = redis.call('GET', KEYS[1])
if not record then
  if ARGV[3] == '' then redis.call('SET', KEYS[1], ARGV[2] .. '\\16.1')
  else redis.call('SET', KEYS[1], ARGV[2] .. '\\16.1', 'PX', ARGV[3]) end
  return 1
end
if string.sub(record, 1, 1) ~= '#' then return 0 end
local count = tonumber(string.sub(record, 19)) + 1
redis.call('SET', KEYS[1], ARGV[2] .. '\\16.' .. string.format('%.0f', count), 'KEEPTTL')
return count`

/** Arguments: name, where to start, members to look at. Answers the last member looked at if more follow, then keys. */
export const list: string = `${prelude}
local limit = tonumber(ARGV[3])
local members = redis.call('ZRANGEBYLEX', KEYS[1], ARGV[2], '+', 'LIMIT', 0, limit + 1)
local page = { members[limit + 1] and '(' .. members[limit] or '' }
for index = 1, math.min(limit, #members) do
  local member = members[index]
  if listed(tag(':') .. member, ARGV[1]) then page[#page + 1] = member
  else redis.call('ZREM', KEYS[1], member) end
end
return page`
