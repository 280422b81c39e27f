import { readFileSync } from 'node:fs'
import { createLogger, type LoggerOptions } from '@mcp-gateway/core/logging'
import { describe, expect, test } from 'vitest'

const harmless = readFileSync(new URL('harmless.txt', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')

/** What becomes of a text in a line of the log. */
function logged(text: string, options: LoggerOptions = {}): string {
  const lines: string[] = []
  createLogger({ ...options, write: (line) => lines.push(line) }).info({ text }, text)
  const { text: field, message } = JSON.parse(lines[0] ?? '') as { text: string; message: string }
  expect(message).toBe(field)
  return field
}

/** The fields of a line. */
function fieldsOf(fields: Record<string, unknown>, options: LoggerOptions = {}): Record<string, unknown> {
  const lines: string[] = []
  createLogger({ ...options, write: (line) => lines.push(line) }).info(fields, '')
  return JSON.parse(lines[0] ?? '')
}

const letters = (length: number) => 'aB3dE6gH9jK2mN5pQ8sT1vW4yZ7cF0'.repeat(5).slice(0, length)
const capitals = (length: number) => 'A1B2C3D4E5F6G7H8'.repeat(3).slice(0, length)

// Put together here, so that no scanner takes them for real
const credentials: Record<string, string> = {
  'a refresh token of ours': `rt.${letters(43)}.${letters(43)}`,
  'an opaque access token of ours': `at.${letters(43)}`,
  'a JWT': `eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhZGEifQ.${letters(40)}`,
  'an access key of AWS': `AKIA${capitals(16)}`,
  'a temporary key of AWS': `ASIA${capitals(16)}`,
  'an API key': `mcpg_${letters(12)}_${letters(38)}`,
  'an API key with a tag': `acme_test_${letters(12)}_${letters(38)}`,
  'a personal token of GitHub': `ghp_${letters(36)}`,
  'an OAuth token of GitHub': `gho_${letters(36)}`,
  'a token of a GitHub app': `ghs_${letters(36)}`,
  'a fine-grained token of GitHub': `github_pat_${letters(22)}_${letters(40)}`,
  'a token of GitLab': `glpat-${letters(20)}`,
  'a bot token of Slack': `xoxb-${'123456789012'}-${letters(24)}`,
  'an app token of Slack': `xapp-1-${letters(24)}`,
  'a key of OpenAI': `sk-proj-${letters(40)}`,
  'a key of Anthropic': `sk-ant-api03-${letters(40)}`,
  'a live key of Stripe': `sk_live_${letters(24)}`,
  'a restricted key of Stripe': `rk_live_${letters(24)}`,
  'a key of Google': `AIza${letters(35)}`,
  'an access token of Google': `ya29.${letters(40)}`,
  'a token of npm': `npm_${letters(36)}`,
  'a token of PyPI': `pypi-${letters(40)}`,
  'a token of Hugging Face': `hf_${letters(34)}`,
  'a key of SendGrid': `SG.${letters(22)}.${letters(40)}`,
}

describe.each(Object.entries(credentials))('%s', (_name, credential) => {
  test.each([
    ['alone', credential],
    ['in a sentence', `The upstream refused ${credential}, sorry`],
    ['in quotes', `"${credential}"`],
    ['behind a colon', `token: ${credential}`],
    ['in a list', `a,${credential};b`],
    ['in brackets', `(${credential})`],
    ['in JSON under a plain name', JSON.stringify({ note: credential })],
  ])('%s is not written [attack 160]', (_where, text) => {
    expect(logged(text)).not.toContain(credential)
  })
})

test.each([
  'x-api-key',
  'X-API-Key',
  'apiKey',
  'api_key',
  'sessionSecret',
  'SESSION_SECRET',
  'OAUTH_TOKEN',
  'oauthToken',
  'github.token',
  'refresh_token',
  'registrationAccessToken',
  'clientAssertion',
  'client_assertion',
  'db_password',
  'DbPassword',
  'PGPASSWD',
  'userPwd',
  'Set-Cookie',
  'cookie',
  'Proxy-Authorization',
  'authorization',
  'AWS_SECRET_ACCESS_KEY',
  'privateKey',
  'encryption-key',
  'credentials',
])('a field %s is a secret by the parts of its name, whatever it holds [attack 160]', (name) => {
  expect(fieldsOf({ [name]: 'plain words' })[name]).toBe('[redacted]')
  expect(fieldsOf({ a: [{ [name]: { nested: 'plain words' } }] })).toMatchObject({ a: [{ [name]: '[redacted]' }] })
  const text = `{"${name}":"plain words","n":1}`
  if (/^[\w-]+$/.test(name)) expect(logged(text)).toBe(`{"${name}":"[redacted]","n":1}`)
  expect(logged(`${name}=plain-word rest`)).toBe(`${name}=[redacted] rest`)
})

test.each([
  'token_type',
  'tokenEndpoint',
  'key_id',
  'keyId',
  'secret_expires_at',
  'cookieName',
  'authorization_servers',
  'token_endpoint_auth_method',
  'publicKey',
  'max_tokens',
  'keyboard',
  'tokenizer',
  'passwordless',
  'monkey',
])('a field %s is none', (name) => {
  expect(fieldsOf({ [name]: 'plain words' })[name]).toBe('plain words')
})

test('a PEM block is not written, whole or cut [attack 160]', () => {
  const body = `${letters(64)}\n${letters(64)}`
  for (const kind of ['PRIVATE KEY', 'RSA PRIVATE KEY', 'EC PRIVATE KEY', 'CERTIFICATE']) {
    const block = `-----BEGIN ${kind}-----\n${body}\n-----END ${kind}-----`
    expect(logged(`before ${block} after`)).toBe('before [redacted] after')
    expect(logged(`before ${block.slice(0, 80)}`)).toBe('before [redacted]')
    expect(logged(JSON.stringify({ note: block }))).not.toContain(letters(64))
  }
})

test.each([
  ['a header', `X-Api-Key: ${letters(20)}`, letters(20)],
  ['a cookie header', 'Cookie: sid=abc; theme=dark', 'sid=abc'],
  ['a header with a scheme of its own', `Authorization: token ${letters(20)}`, letters(20)],
  ['a variable in quotes', `export OAUTH_TOKEN="${letters(20)}"`, letters(20)],
  ['a form', `grant_type=refresh_token&refresh_token=${letters(20)}`, letters(20)],
])('%s in a text is hidden [attack 160]', (_what, text, secret) => {
  expect(logged(text)).not.toContain(secret)
})

test('harmless texts are written as they are', () => {
  expect(harmless.length).toBeGreaterThanOrEqual(200)
  expect(harmless.filter((text) => logged(text) !== text)).toEqual([])
})

describe('personalData: mask', () => {
  const options = { personalData: 'mask' } as const

  test.each([
    ['an e-mail address', 'sent to ada.lovelace+notes@example.co.uk.', 'sent to [email].'],
    ['a phone number', 'called +49 30 901820 twice', 'called [phone] twice'],
    ['a phone number without spaces', 'called +14155552671', 'called [phone]'],
    ['an IPv4 address', 'from 203.0.113.7 again', 'from [address] again'],
    ['an IPv6 address', 'from 2001:db8::8a2e:370:7334 again', 'from [address] again'],
    ['a loopback address', 'from ::1', 'from [address]'],
    ['the number of a card', 'paid with 4111 1111 1111 1111', 'paid with [card]'],
    ['a number that is no card', 'order 4111 1111 1111 1112', 'order 4111 1111 1111 1112'],
    ['an account', 'IBAN DE89 3704 0044 0532 0130 00', 'IBAN [account]'],
    ['a code that is no account', 'part DE00 3704 0044 0532 0130 00', 'part DE00 3704 0044 0532 0130 00'],
    ['a time of day', '12:34:56 to 13:00:00', '12:34:56 to 13:00:00'],
  ])('of %s its kind alone is written', (_what, text, expected) => {
    expect(logged(text, options)).toBe(expected)
  })

  test('fields about a person are hidden as a whole, also in errors', () => {
    const fields = {
      email: 'none given',
      client_address: '203.0.113.7',
      phone: 'none',
      address: { city: 'Paris' },
      n: 1,
    }
    const hidden = '[personal]'
    expect(fieldsOf(fields, options)).toMatchObject({
      email: hidden,
      client_address: hidden,
      phone: hidden,
      address: hidden,
      n: 1,
    })
    const told = JSON.stringify(fieldsOf({ err: new Error('no mailbox ada@example.com') }, options))
    expect(told).not.toContain('ada@')
  })

  test('is off unless told, and of the harmless texts only addresses change', () => {
    expect(logged('from 203.0.113.7 by ada@example.com')).toBe('from 203.0.113.7 by ada@example.com')
    const changed = harmless.filter((text) => logged(text, options) !== text)
    expect(changed.filter((text) => !/\d+\.\d+\.\d+\.\d+/.test(text))).toEqual([])
    expect(() => createLogger({ personalData: 'hide' as 'mask' })).toThrow('personalData')
  })
})
