import { expect, test } from 'vitest'
import { authorizePath, form, pkce, register, setUp } from '../../../test/fixture.js'
import { devLogin } from '../login/dev-login.js'

const issuer = 'https://mcp.example.com'

function start(loginLimits: { perAddress?: number; total?: number }) {
  return setUp({
    issuer,
    resources: [`${issuer}/mcp`],
    encryptionKeys: ['A'.repeat(43)],
    dangerouslyAllowSingleProcessStorage: true,
    identityProvider: { ...devLogin(), validate() {} },
    loginLimits,
  })
}

async function approve(setup: ReturnType<typeof start>, clientId: string, address?: string): Promise<Response> {
  const page = await setup.call(authorizePath(clientId, pkce().challenge, { resource: `${issuer}/mcp` }))
  const transaction = /name="transaction" value="([^"]+)"/.exec(await page.text())?.[1] ?? ''
  const cookie = page.headers.getSetCookie()[0]?.split(';')[0] ?? ''
  const answer = form({ transaction, decision: 'approve' }, { cookie, 'x-forwarded-for': crypto.randomUUID() })
  return setup.call('/consent', answer, address === undefined ? {} : { client: { address } })
}

test('logins that begin are limited per address and over all, each for as long as a login takes [attack 158]', async () => {
  const setup = start({ perAddress: 2, total: 5 })
  const { client_id } = await register(setup)
  const statuses = async (address: string | undefined, times: number) => {
    const answers: Response[] = []
    for (let count = 0; count < times; count++) answers.push(await approve(setup, client_id as string, address))
    return answers
  }
  const first = await statuses('203.0.113.1', 3)
  expect(first.map(({ status }) => status)).toEqual([303, 303, 429])
  expect(Number(first[2]?.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(first[2]?.headers.get('content-type')).toContain('text/html')
  expect((await statuses('2001:db8::1', 1)).map(({ status }) => status)).toEqual([303])
  expect((await statuses('2001:db8::2', 2)).map(({ status }) => status)).toEqual([303, 429])
  expect((await statuses(undefined, 2)).map(({ status }) => status)).toEqual([303, 429])
  setup.clock.advance(601)
  expect((await statuses('203.0.113.1', 1)).map(({ status }) => status)).toEqual([303])
})

test('strangers who use the limits up lock nobody out who is signed in', async () => {
  const setup = start({ perAddress: 3, total: 3 })
  const { client_id } = await register(setup)
  const jar = new Map<string, string>()
  const go = async (path: string, fields?: Record<string, string>): Promise<{ text: string; location: string }> => {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const init = fields === undefined ? { headers: { cookie } } : form(fields, { cookie })
    const response = await setup.call(path, init)
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      jar.set(name, value)
    }
    return { text: await response.text(), location: response.headers.get('location') ?? '' }
  }
  const allow = async (): Promise<string> => {
    const path = authorizePath(client_id as string, pkce().challenge, { resource: `${issuer}/mcp` })
    const [, transaction = ''] = /name="transaction" value="([^"]+)"/.exec((await go(path)).text) ?? []
    return (await go('/consent', { transaction, decision: 'approve' })).location
  }
  const { pathname, search, searchParams } = new URL(await allow())
  await go(pathname + search)
  await go('/login', { state: searchParams.get('state') ?? '', username: 'alice' })
  const strangers: number[] = []
  for (let count = 0; count < 3; count++) strangers.push((await approve(setup, client_id as string)).status)
  expect(strangers).toEqual([303, 303, 429])
  expect(new URL(await allow()).searchParams.get('code')).toBeTruthy()
})

test('limits that would let nobody in do not start', () => {
  for (const loginLimits of [{ perAddress: 0 }, { total: -1 }, { total: Number.NaN }]) {
    expect(() => start(loginLimits)).toThrow(/loginLimits/)
  }
})
