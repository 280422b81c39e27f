import type { Context, Storage } from '@mcp-gateway/core'
import { memoryStorage } from '@mcp-gateway/core/storage'
import { describe, expect, test } from 'vitest'
import { authorizePath, form, pkce, register, setUp } from '../../../test/fixture.js'
import type { IdentityProvider, LoginField } from '../server/identity-provider.js'
import type { AuthorizationServerOptions } from '../server/options.js'

const issuer = 'https://mcp.example.com'
const fields: LoginField[] = [
  { name: 'name', label: 'User name', autocomplete: 'username' },
  { name: 'secret', label: 'Password', type: 'password' },
]

/** A server with a login of its own, which knows the password of alice and of bob. */
function start(options: Partial<AuthorizationServerOptions> = {}, asked: readonly LoginField[] = fields) {
  let guesses = 0
  const identityProvider: IdentityProvider = {
    name: 'own',
    title: 'us',
    begin: async () => ({ form: asked, submit: 'Sign in' }),
    complete: async ({ parameters }) => {
      guesses++
      const id = (parameters.get('name') ?? '').trim().toLowerCase()
      return parameters.get('secret') === 'right' ? { user: { id } } : { again: 'That is not right.' }
    },
  }
  const setup = setUp({
    issuer,
    resources: [`${issuer}/mcp`],
    encryptionKeys: ['A'.repeat(43)],
    dangerouslyAllowSingleProcessStorage: true,
    identityProvider,
    ...options,
  })
  const from = (address?: string): Context => (address === undefined ? {} : { client: { address } })

  /** Approves a client, and gives what answers the login form that comes then. */
  async function openForm(clientId: string) {
    const path = authorizePath(clientId, pkce().challenge, { resource: `${setup.server.issuer}/mcp` })
    const page = await setup.call(path)
    const transaction = /name="transaction" value="([^"]+)"/.exec(await page.text())?.[1] ?? ''
    const approved = await setup.call(
      '/consent',
      form({ transaction, decision: 'approve' }, { cookie: page.headers.getSetCookie()[0]?.split(';')[0] ?? '' }),
    )
    const state = new URL(approved.headers.get('location') ?? '').searchParams.get('state') ?? ''
    const cookie = approved.headers
      .getSetCookie()
      .map((line) => line.split(';')[0])
      .join('; ')
    return {
      page: async () => (await setup.call(`/login?state=${state}`, { headers: { cookie } })).text(),
      answer: (name: string, secret: string, address?: string) =>
        setup.call('/login', form({ state, name, secret }, { cookie }), from(address)),
    }
  }
  return { ...setup, openForm, guesses: () => guesses }
}

const many = async <T>(times: number, work: (index: number) => Promise<T>): Promise<T[]> => {
  const results: T[] = []
  for (let index = 0; index < times; index++) results.push(await work(index))
  return results
}

test('a password is a password field, and a field says what browsers may fill in', async () => {
  const { openForm, ...setup } = start({}, [...fields, { name: 'mail', label: 'E-mail', type: 'email' }])
  const { client_id = '' } = await register(setup)
  const page = await (await openForm(client_id)).page()
  expect(page).toContain('<input type="text" id="name" name="name" autocomplete="username"')
  expect(page).toContain('<input type="password" id="secret" name="secret" autocomplete="current-password"')
  expect(page).toContain('<input type="email" id="mail" name="mail" autocomplete="off"')
})

describe('guesses at a login form are limited before the provider is asked [CWE-307]', () => {
  test('on one form', async () => {
    const { openForm, guesses, ...setup } = start()
    const { client_id = '' } = await register(setup)
    const { answer } = await openForm(client_id)
    const answers = await many(30, (index) => answer(`user${index}`, 'wrong', `192.0.2.${index}`))
    expect(answers.map(({ status }) => status)).toEqual([...Array(10).fill(400), ...Array(20).fill(429)])
    expect(answers[29]?.headers.get('content-type')).toContain('text/html')
    expect(guesses()).toBe(10)
    expect((await answer('alice', 'right')).status).toBe(429)
    expect((await (await openForm(client_id)).answer('alice', 'right')).status).toBe(303)
  })

  test('on one form under a loopback issuer too', async () => {
    const loopback = 'http://127.0.0.1:8787'
    const { openForm, guesses, ...setup } = start({ issuer: loopback, resources: [`${loopback}/mcp`] })
    const { client_id = '' } = await register(setup)
    const { answer } = await openForm(client_id)
    await many(30, () => answer('alice', 'wrong', '127.0.0.1'))
    expect(guesses()).toBe(10)
  })

  test('for one account from one network, however the name is written, until an hour is over', async () => {
    const { openForm, guesses, ...setup } = start({ loginLimits: { perAccount: 4 } })
    const { client_id = '' } = await register(setup)
    const guess = async (name: string, address = '192.0.2.1', secret = 'wrong') =>
      (await (await openForm(client_id)).answer(name, secret, address)).status
    const spellings = ['alice', 'ALICE', ' alice ', 'ａｌｉｃｅ', 'al\u00adice', 'Alice']
    expect(await many(6, (index) => guess(spellings[index] as string))).toEqual([400, 400, 400, 400, 429, 429])
    expect(guesses()).toBe(4)
    const refused = await (await openForm(client_id)).answer('alice', 'right', '192.0.2.1')
    expect([refused.status, Number(refused.headers.get('retry-after')) > 0]).toEqual([429, true])
    // Nobody else is locked out by it: neither other accounts there, nor this account elsewhere
    expect(await guess('bob', '192.0.2.1', 'right')).toBe(303)
    expect(await guess('alice', '198.51.100.1', 'right')).toBe(303)
    setup.clock.advance(3600)
    expect(await guess('alice', '192.0.2.1', 'right')).toBe(303)
  })

  test('for one account from many networks together', async () => {
    const { openForm, guesses, ...setup } = start({ loginLimits: { perAccount: 4 } })
    const { client_id = '' } = await register(setup)
    await many(40, async (index) => (await openForm(client_id)).answer('alice', 'wrong', `192.0.${index}.1`))
    expect(guesses()).toBe(20)
    await many(10, async () => (await openForm(client_id)).answer('bob', 'wrong'))
    expect(guesses()).toBe(24)
  })

  test('for one account from all networks of one site, which lock nobody out elsewhere [attack 158]', async () => {
    const { openForm, guesses, ...setup } = start({ loginLimits: { perAccount: 4 } })
    const { client_id = '' } = await register(setup)
    const guess = async (address: string, secret = 'wrong') =>
      (await (await openForm(client_id)).answer('alice', secret, address)).status
    await many(40, (index) => guess(`2001:db8:1:${index.toString(16)}::1`))
    expect(guesses()).toBe(8)
    expect(await guess('2001:db8:2::1', 'right')).toBe(303)
  })

  test('and who signs in has all of them again', async () => {
    const { openForm, ...setup } = start({ loginLimits: { perAccount: 3 } })
    const { client_id = '' } = await register(setup)
    const guess = async (secret: string) => (await (await openForm(client_id)).answer('alice', secret)).status
    const secrets = ['wrong', 'wrong', 'right', 'wrong', 'wrong', 'right']
    expect(await many(6, (index) => guess(secrets[index] as string))).toEqual([400, 400, 303, 400, 400, 303])
  })

  test('from one address, whatever names it tries', async () => {
    const { openForm, guesses, ...setup } = start({ loginLimits: { perAddress: 5 } })
    const { client_id = '' } = await register(setup)
    const spray = (address: string, from: number) =>
      many(10, async (index) => (await openForm(client_id)).answer(`user${from + index}`, 'wrong', address))
    await spray('192.0.2.1', 0)
    expect(guesses()).toBe(5)
    await spray('2001:db8::1', 10)
    await spray('2001:db8::2', 20)
    expect(guesses()).toBe(10)
    expect((await (await openForm(client_id)).answer('alice', 'right', '192.0.2.2')).status).toBe(303)
  })

  test('over all replicas, also when they come at once', async () => {
    const storage: Storage = memoryStorage()
    const replicas = [start({ storage }), start({ storage })] as const
    const { client_id = '' } = await register(replicas[0])
    const form = await replicas[0].openForm(client_id)
    await Promise.all(Array.from({ length: 50 }, () => form.answer('alice', 'wrong')))
    expect(replicas[0].guesses()).toBe(10)
    const forms = await Promise.all(
      Array.from({ length: 40 }, (_, index) => replicas[index % 2 === 0 ? 0 : 1].openForm(client_id)),
    )
    await Promise.all(forms.map(({ answer }) => answer('bob', 'wrong')))
    expect(replicas[0].guesses() + replicas[1].guesses()).toBe(10 + 20)
  })

  test('for the one account that several fields name, and not where a form asks for nothing but the account', async () => {
    const code: LoginField[] = [
      { name: 'secret', label: 'Code' },
      { name: 'name', label: 'E-mail', autocomplete: 'section-login email' },
    ]
    const coded = start({ loginLimits: { perAccount: 2 } }, code)
    const { client_id = '' } = await register(coded)
    await many(5, async (index) => (await coded.openForm(client_id)).answer('alice@example.com', `wrong${index}`))
    expect(coded.guesses()).toBe(2)

    const open = start({ loginLimits: { perAccount: 2 } }, [{ name: 'name', label: 'User name' }])
    const client = await register(open)
    await many(5, async () => (await open.openForm(client.client_id as string)).answer('alice', ''))
    expect(open.guesses()).toBe(5)
  })
})

test('the log says which limit it was, and neither the name nor the secret', async () => {
  const lines: string[] = []
  const write = (fields: object, message: string) => lines.push(JSON.stringify([message, fields]))
  const logger = {
    debug: write,
    info: write,
    warn: write,
    error: write,
  } as unknown as AuthorizationServerOptions['logger']
  const { openForm, ...setup } = start({ logger, loginLimits: { perAccount: 1 } })
  const { client_id = '' } = await register(setup)
  await many(2, async () => (await openForm(client_id)).answer('alice', 'hunter2'))
  const told = lines.filter((line) => line.includes('Too many'))
  expect(told).toHaveLength(1)
  expect(told[0]).toContain('account')
  expect(lines.join()).not.toMatch(/alice|hunter2/)
})
