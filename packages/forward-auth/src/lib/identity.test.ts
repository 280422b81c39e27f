import type { AuthInfo } from '@mcp-gateway/core'
import { proxy } from '@mcp-gateway/core/proxy'
import { expect, test } from 'vitest'
import { anonymous, identify } from './identity.js'
import { readHeaderNames, variantMatcher } from './identity-headers.js'

const names = readHeaderNames({}, 'X-Identity-Assertion')
const auth = (extra: AuthInfo['extra'], more: Partial<AuthInfo> = {}): AuthInfo => ({
  token: 't',
  clientId: 'client',
  scopes: ['a', 'b'],
  extra,
  ...more,
})
const told = (info: AuthInfo) => Object.fromEntries(identify(names, info) as [string, string][])

test('tells everything about a user, and a dash for what the token does not say', () => {
  const claims = { preferred_username: 'ada', name: 'Ada Lovelace', email: 'ada@example.com' }
  expect(told(auth({ subject: 'github|1', roles: ['admin', 'dev'], claims }))).toEqual({
    'Cache-Control': 'no-store',
    'X-User-Id': 'github|1',
    'X-User-Name': 'ada',
    'X-User-Email': 'ada@example.com',
    'X-Roles': 'admin,dev',
    'X-Scopes': 'a b',
    'X-Client-Id': 'client',
  })
  expect(told(auth(undefined, { scopes: [] }))).toMatchObject({
    'X-User-Id': '-',
    'X-User-Name': '-',
    'X-Scopes': '-',
  })
  // Who is called like a client is not that client [finding 4]
  expect(told(auth({ subject: 'client' }))).toMatchObject({ 'X-User-Id': '-', 'X-Client-Id': 'client' })
  expect(told(auth({ claims: { name: 'Ada Lovelace' } }))['X-User-Name']).toBe('Ada Lovelace')
})

test('a claim that is a dash differs from one that is not there', () => {
  const dashes = { preferred_username: '-', email: '-' }
  const info = auth({ subject: '-', roles: ['-'], claims: dashes }, { scopes: ['-'], clientId: 'app' })
  const values = Object.entries(told(info)).filter(([name]) => !/^(?:Cache-Control|X-Client-Id)$/.test(name))
  expect(values).toHaveLength(5)
  for (const [, value] of values) expect([value, decodeURIComponent(value)]).toEqual(['%2D', '-'])
})

test.each([
  [{ username: 'al', name: 'Alice' }, 'al'],
  [{ preferred_username: '', name: 'Alice' }, 'Alice'],
  [{ name: '-' }, '%2D'],
])('a server behind a reverse proxy is told of %j what one behind the gateway is told', async (claims, name) => {
  const info = auth({ subject: 'github|1', roles: ['admin', '-'], claims })
  let sent = new Headers()
  const behind = proxy('http://127.0.0.1:1/mcp', {
    fetch: async (_url, init) => {
      sent = new Headers(init?.headers)
      return new Response()
    },
  })
  await behind(new Request('https://mcp.example.com/mcp'), { auth: info })
  const headers = told(info)
  for (const header of Object.values(names)) expect(sent.get(header) ?? '-').toBe(headers[header])
  expect(headers['X-User-Name']).toBe(name)
})

test('nobody has every header too', () => {
  expect(anonymous(Object.values(names)).slice(1)).toEqual(Object.values(names).map((name) => [name, '-']))
})

test('[attack 141] what is encoded comes back by decodeURIComponent, and is a legal header', () => {
  for (const text of ['a\r\nb', '\u0000', 'Ünïcode 名', '100%', ' x ', '{x}', '\u007f', '\t', 'a\ud83d\ude00b']) {
    const { 'X-User-Name': value = '' } = told(auth({ claims: { name: text } }))
    expect(value).toMatch(/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/)
    expect(decodeURIComponent(value)).toBe(text)
  }
})

test('[attack 141] refuses values that are too long, whatever they are made of', () => {
  const tooLong = (field: string) =>
    expect.objectContaining({ status: 403, description: expect.stringContaining(`The ${field} of this token`) })
  const roles = Array.from({ length: 500 }, (_, index) => `role-${index}`)
  expect(() => identify(names, auth({ claims: { name: '名'.repeat(1000) } }))).toThrow(tooLong('userName'))
  expect(() => identify(names, auth({ roles }))).toThrow(tooLong('roles'))
  expect(() => identify(names, auth({ subject: 'x'.repeat(5000) }))).toThrow(tooLong('userId'))
})

test.each(['Authorization', 'Mcp-Name', 'X-Forwarded-User', 'X Bad', 'X_User', '', 'X-User-Name', 'x-roles', 'Vary'])(
  '"%s" is no name for the user id',
  (userId) => {
    expect(() => readHeaderNames({ userId }, 'X-Identity-Assertion')).toThrow(
      expect.objectContaining({ code: 'invalid_configuration' }),
    )
  },
)

test('[attack 140] knows the spellings that are read as one of the headers', () => {
  const isVariant = variantMatcher(['X-User-Id', 'X-Roles'])
  for (const name of ['x_user_id', 'X-User_Id', 'x.user.id', 'X~ROLES', 'x_roles']) expect(isVariant(name)).toBe(true)
  // The headers themselves are the proxy's to replace
  for (const name of ['x-user-id', 'X-Roles', 'x_other', 'xuserid', 'x-user-id-']) expect(isVariant(name)).toBe(false)
})
