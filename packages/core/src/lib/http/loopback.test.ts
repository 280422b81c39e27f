import { describe, expect, test } from 'vitest'
import { createGateway } from '../gateway/create-gateway.js'
import { isLoopbackIssuer } from '../keys/loopback-issuer.js'
import { hostCheck } from './host-check.js'
import { isLoopback, isLoopbackHost } from './loopback.js'
import { originMatcher } from './origin-check.js'

/** As they stand in `Host` and in a URL; a browser writes the usual spelling of each. */
const ours = [
  'localhost',
  'LocalHost',
  '127.0.0.1',
  '127.0.0.2',
  '127.255.255.255',
  '[::1]',
  '[0:0:0:0:0:0:0:1]',
  '[::ffff:127.0.0.1]',
  '[::FFFF:7f00:2]',
]
const foreign = [
  // A network can answer for these names
  'localhost.',
  'wiki.localhost',
  'localhost.evil.example.com',
  '127.0.0.1.evil.example.com',
  'ip6-localhost',
  '0.0.0.0',
  '[::]',
  '[::2]',
  '[::127.0.0.1]',
  '[::ffff:128.0.0.1]',
  '[::ffff:10.0.0.1]',
  '[fe80::1]',
  '128.0.0.1',
  '10.0.0.1',
]
/** What is no host as URLs and `Host` have it. */
const malformed = ['', '::1', '[::1', '[::1]x', '[::1%25lo]', '[::1]/@[::1]', '127.0.0.256', '127.0.0', '127.0.0.01']

describe.each(ours)('%s is this machine', (host) => {
  test('for every piece that asks: hosts, origins, issuers and gateways', () => {
    expect(isLoopbackHost(host)).toBe(true)
    expect(isLoopback(new URL(`http://${host}:8787/a`))).toBe(true)
    expect(isLoopbackIssuer(`http://${host}:8787/a`)).toBe(true)
    expect(isLoopbackIssuer(`https://${host}`)).toBe(true)
    const { origin } = new URL(`http://${host}:8787`)
    expect(originMatcher(['loopback'])(origin)).toBe(true)
    const request = new Request('http://127.0.0.1/', { headers: { host: `${host}:8787` } })
    expect(hostCheck(['http://127.0.0.1:8787'])(request)).toBe(true)
    const servers = { '/mcp': () => new Response() }
    expect(() => createGateway({ url: origin, servers, dangerouslyAllowAnonymous: true })).not.toThrow()
  })
})

describe.each(foreign)('%s is not this machine alone', (host) => {
  test('for every piece that asks', () => {
    expect(isLoopbackHost(host)).toBe(false)
    expect(isLoopback(new URL(`http://${host}:8787/a`))).toBe(false)
    expect(isLoopbackIssuer(`http://${host}:8787/a`)).toBe(false)
    expect(originMatcher(['loopback'])(new URL(`http://${host}:8787`).origin)).toBe(false)
    const request = new Request('http://127.0.0.1/', { headers: { host: `${host}:8787` } })
    expect(hostCheck(['http://127.0.0.1:8787'])(request)).toBe(false)
    const servers = { '/mcp': () => new Response() }
    const url = new URL(`http://${host}:8787`).origin
    expect(() => createGateway({ url, servers, dangerouslyAllowAnonymous: true })).toThrow()
  })
})

test.each(malformed)('%j is no loopback host, whatever a URL parser would make of it', (host) => {
  expect(isLoopbackHost(host)).toBe(false)
})

test('short spellings of an IPv4 address are what a URL parser says', () => {
  for (const url of ['http://127.1:3000', 'http://0x7f.1', 'http://2130706433'])
    expect(isLoopbackIssuer(url)).toBe(true)
})

test.each(['http://127.0.0.1@evil.example.com', 'http://ada@127.0.0.1', 'ftp://127.0.0.1', '127.0.0.1', 'http://'])(
  '%s is no loopback issuer',
  (issuer) => {
    expect(isLoopbackIssuer(issuer)).toBe(false)
  },
)
