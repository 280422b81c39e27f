import { expect, test } from 'vitest'
import type { AuthInfo } from '../contract/auth-info.js'
import { identityValues } from './identity-headers.js'

const auth = (extra: AuthInfo['extra'], more: Partial<AuthInfo> = {}): AuthInfo => ({
  token: 't',
  clientId: 'app',
  scopes: [],
  extra,
  ...more,
})
const nameOf = (claims: Record<string, unknown>) => {
  const values = identityValues(auth({ claims }))
  return typeof values === 'string' ? values : values.userName
}

test.each([
  [{ preferred_username: 'ada', username: 'al', name: 'Alice' }, 'ada'],
  [{ username: 'al', name: 'Alice' }, 'al'],
  [{ name: 'Alice' }, 'Alice'],
  [{ preferred_username: '', username: 7, name: 'Alice' }, 'Alice'],
  [{ preferred_username: null, username: 'al' }, 'al'],
  [{ preferred_username: ['ada'] }, undefined],
  [{}, undefined],
])('the name of a user with the claims %j is %j', (claims, name) => {
  expect(nameOf(claims)).toBe(name)
})

test('a token that says everything, and one that says nothing', () => {
  const claims = { name: 'Ada', email: 'ada@example.com' }
  expect(
    identityValues(auth({ subject: 'github|1', roles: ['admin', 'dev,ops'], claims }, { scopes: ['a', 'b'] })),
  ).toEqual({
    userId: 'github|1',
    userName: 'Ada',
    userEmail: 'ada@example.com',
    roles: 'admin,dev%2Cops',
    scopes: 'a b',
    clientId: 'app',
  })
  const nothing = identityValues(auth(undefined, { clientId: '' }))
  expect(Object.values(nothing).filter((value) => value !== undefined)).toEqual([])
})

test('a client that acts for itself is no user, whatever its claims are', () => {
  expect(identityValues(auth({ subject: 'app' }))).toMatchObject({ userId: undefined, clientId: 'app' })
})

test('a dash stands for nothing that a token says', () => {
  const claims = { name: '-', email: '-' }
  expect(identityValues(auth({ subject: '-', roles: ['-'], claims }, { scopes: ['-'], clientId: 'app' }))).toEqual({
    userId: '%2D',
    userName: '%2D',
    userEmail: '%2D',
    roles: '%2D',
    scopes: '%2D',
    clientId: 'app',
  })
})

test('the field of a value that is too long is named [attack 141]', () => {
  const tooLong = (field: string) =>
    expect.objectContaining({
      status: 403,
      code: 'claim_too_long',
      description: `The ${field} of this token is too long to be passed on`,
    })
  const roles = Array.from({ length: 500 }, (_, index) => `role-${index}`)
  expect(() => identityValues(auth({ claims: { email: 'x'.repeat(3000) } }))).toThrow(tooLong('userEmail'))
  expect(() => identityValues(auth({ roles }))).toThrow(tooLong('roles'))
})
