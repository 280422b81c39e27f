-- Asks the forward-auth process about each request, in the dialect "forwarded", and sets the identity of the caller.
-- haproxy.cfg: lua-load-per-thread /etc/haproxy/forward-auth.lua
--              http-request lua.forward_auth http://127.0.0.1:9100/auth

local identity = {
  'x-user-id', 'x-user-name', 'x-user-email', 'x-roles', 'x-scopes', 'x-client-id', 'x-identity-assertion',
}

-- What concerns this connection alone, or is told anew.
local not_asked = {
  connection = true, ['keep-alive'] = true, ['proxy-connection'] = true, te = true, trailer = true, upgrade = true,
  ['transfer-encoding'] = true, ['content-length'] = true, host = true, expect = true,
}

-- Removed from every request; a pattern stands for what a client could have made up.
local removed = {
  '^x%-user%-', '^x%-roles$', '^x%-scopes$', '^x%-client%-id$', '^x%-identity%-', '^x%-auth%-', '^x%-forwarded%-',
  '^x%-original%-', '^x%-rewrite%-', '^remote%-', '^forwarded$', '[^a-z0-9-]', '^connection$', '^proxy%-connection$',
}

local function is_removed(name)
  for _, pattern in ipairs(removed) do
    if name:find(pattern) then return true end
  end
  return false
end

core.register_action('forward_auth', { 'http-req' }, function(txn, url)
  local client = txn.f:src()
  local asked = {}
  for name, values in pairs(txn.http:req_get_headers()) do
    if is_removed(name) then
      txn.http:req_del_header(name)
    elseif not not_asked[name] then
      asked[name] = {}
      for index = 0, #values do asked[name][index + 1] = values[index] end
    end
  end
  asked['x-forwarded-method'] = { txn.f:method() }
  asked['x-forwarded-proto'] = { 'https' }
  asked['x-forwarded-host'] = { txn.f:req_fhdr('host') or '' }
  asked['x-forwarded-uri'] = { txn.f:pathq() or '' }
  asked['x-forwarded-for'] = { client }

  local answer = core.httpclient():get({ url = url, headers = asked, timeout = 10000 })

  -- Exactly 200, with every identity header: everything else is a refusal.
  local complete = answer.status == 200
  for _, name in ipairs(identity) do
    local values = complete and answer.headers[name]
    if values and values[0] and values[0] ~= '' then
      txn.http:req_set_header(name, values[0])
    else
      complete = false
    end
  end
  if complete then
    txn.http:req_set_header('x-forwarded-proto', 'https')
    txn.http:req_set_header('x-forwarded-for', client)
    for _, name in ipairs({ 'authorization', 'dpop', 'cookie' }) do txn.http:req_del_header(name) end
    local origin = answer.headers['access-control-allow-origin']
    if origin then txn:set_var('txn.cors_origin', origin[0]) end
    return
  end

  local reply = txn:reply({ status = answer.status >= 400 and answer.status or 503 })
  for name, values in pairs(answer.headers or {}) do
    if not not_asked[name] then
      for index = 0, #values do reply:add_header(name, values[index]) end
    end
  end
  reply:set_body(answer.body or '')
  txn:done(reply)
end, 1)
