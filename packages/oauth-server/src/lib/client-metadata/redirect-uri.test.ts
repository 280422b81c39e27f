import { expect, test } from 'vitest'
import { isLoopbackRedirectUri, isRegisteredRedirectUri } from './redirect-uri.js'

const https = 'https://client.example.com/oauth/callback'

test.each([
  'https://client.example.com/oauth/callback/',
  'https://client.example.com/oauth/callback?x=1',
  'https://client.example.com/oauth/callback#x',
  'https://client.example.com/oauth/callbackx',
  'https://client.example.com/oauth',
  'https://client.example.com/oauth/../oauth/callback',
  'https://client.example.com/oauth/%2e%2e/oauth/callback',
  'https://client.example.com//oauth/callback',
  'https://client.example.com/oauth/Callback',
  'https://client.example.com/oauth%2Fcallback',
  'https://CLIENT.example.com/oauth/callback',
  'https://client.example.com:443/oauth/callback',
  'https://client.example.com.evil.com/oauth/callback',
  'https://evil.com/https://client.example.com/oauth/callback',
  'https://user@client.example.com/oauth/callback',
  'http://client.example.com/oauth/callback',
])('a spelling beside a registered https URI is not it: %s [attack 13]', (uri) => {
  expect(isRegisteredRedirectUri([https], uri)).toBe(false)
})

test.each([
  'https:evil.com',
  '//evil.com',
  '\\evil.com',
  'https://client.example.com/oauth/callback\n',
  'https://client.example.com/oauth/call\tback',
  ' https://client.example.com/oauth/callback',
])('what a URL parser would repair is refused: %j [attack 14]', (uri) => {
  expect(isRegisteredRedirectUri([https], uri)).toBe(false)
})

test.each([
  ['http://127.0.0.1/cb', 'http://127.0.0.1:49152/cb'],
  ['http://127.0.0.1:3000/cb', 'http://127.0.0.1:4000/cb'],
  ['http://127.0.0.1:3000/cb', 'http://127.0.0.1/cb'],
  ['http://localhost/callback', 'http://localhost:61234/callback'],
  ['http://[::1]/cb?x=1', 'http://[::1]:9/cb?x=1'],
  ['http://127.0.0.1/', 'http://127.0.0.1:33418/'],
  ['http://127.0.0.2/cb', 'http://127.0.0.2:4000/cb'],
])('a loopback URI fits at any port: %s for %s [attack 15, A1]', (registered, requested) => {
  expect(isRegisteredRedirectUri([registered], requested)).toBe(true)
})

test.each([
  'http://127.0.0.1:3000/other',
  'http://127.0.0.1:3000/cb?x=1',
  'http://127.0.0.1:3000/cb#x',
  'https://127.0.0.1:3000/cb',
  'http://user@127.0.0.1:3000/cb',
  'http://localhost:3000/cb',
  'http://127.1:3000/cb',
  'http://0x7f.1/cb',
  'http://2130706433/cb',
  'http://[::ffff:127.0.0.1]/cb',
  'http://127.0.0.2:3000/cb',
  'http://localhost./cb',
  'http://localhost.evil.com/cb',
  'http://127.0.0.1.evil.com/cb',
  'http://127.0.0.1:99999/cb',
  'http://127.0.0.1:/cb',
  'http://127.0.0.1:3000@evil.com/cb',
  'http://127.0.0.1:3000/./cb',
  'HTTP://127.0.0.1:3000/cb',
])('only the port of a loopback URI may differ: %s [attack 15]', (uri) => {
  expect(isRegisteredRedirectUri(['http://127.0.0.1/cb'], uri)).toBe(false)
})

test('every address of this machine is one for redirect URIs, and no other name is', () => {
  for (const host of ['localhost', '127.0.0.1', '127.1.2.3', '[::1]'])
    expect(isLoopbackRedirectUri(`http://${host}:3000/cb`)).toBe(true)
  for (const host of [
    'localhost.',
    'a.localhost',
    '127.1',
    '0.0.0.0',
    '128.0.0.1',
    '127.0.0.1@evil.com',
    '127.0.0.1\\.evil.com',
  ])
    expect(isLoopbackRedirectUri(`http://${host}:3000/cb`)).toBe(false)
})
