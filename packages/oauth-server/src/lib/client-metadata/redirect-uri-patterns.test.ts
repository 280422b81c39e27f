import { expect, test } from 'vitest'
import { authorizePath, pkce, register, setUp } from '../../../test/fixture.js'

const patterns = ['com.example.app:/*', 'example://*/oauth/callback', 'example.two://connect/*?x']
const setup = () => setUp({ registration: { privateUseRedirectUris: [...patterns, 'exact.app:/callback'] } })
const registered = async (uri: string) =>
  register(setup(), { redirect_uris: [uri] }).then(
    () => true,
    () => false,
  )

test.each([
  'com.example.app:/callback',
  'com.example.app:/.a..b..',
  'com.example.app:/call_back-1.2~3',
  'example://publisher.extension/oauth/callback',
  'exact.app:/callback',
])('an app may register %s, which a pattern or an exact string lets in', async (uri) => {
  expect(await registered(uri)).toBe(true)
})

test.each([
  'com.example.app:/',
  'com.example.app:/a/b',
  'com.example.app://callback',
  'com.example.app:/a?b=c',
  'com.example.app:/a#b',
  'com.example.app:/%2e%2e',
  'com.example.app:/..',
  'com.example.app:/.',
  'example.two://connect/..?x',
  'com.example.app:/<x>',
  'com-example-app:/callback',
  'xcom.example.app:/callback',
  'com.example.apps:/callback',
  'com.example.app:/*',
  'COM.EXAMPLE.APP:/callback',
  'example:///oauth/callback',
  'example://a/b/oauth/callback',
  'example://a@b/oauth/callback',
  'example://a/oauth/callback/',
  'exact.app:/callback2',
  'javascript:/callback',
  'https://evil.example.com\\@com.example.app:/callback',
])('%s is let in by none [attack 13]', async (uri) => {
  // A https URI beside it is what is accepted of a set
  expect(await registered(uri)).toBe(false)
})

test('what was registered by a pattern is compared as an exact string', async () => {
  const server = setup()
  const client = await register(server, { redirect_uris: ['com.example.app:/one'] })
  const ask = async (redirect_uri: string) =>
    (await server.call(authorizePath(client.client_id as string, pkce().challenge, { redirect_uri }))).status
  expect([await ask('com.example.app:/one'), await ask('com.example.app:/two')]).toEqual([200, 400])
})

test.each([
  '*:/callback',
  'com.*.app:/callback',
  'com.example.app:*x',
  'com.example.app:/call*',
  'com.example.app:/*back',
  'com.example.app:/**',
  'com.example.app://*.example.com/x',
  'https://*/callback',
  'http://*/callback',
  'https://client.example.com/*',
  'javascript:*',
])('the pattern %s does not start', (uri) => {
  expect(() => setUp({ registration: { privateUseRedirectUris: [uri] } })).toThrow(/privateUseRedirectUris/)
})
