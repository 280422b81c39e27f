import { GatewayError, type Storage } from '@mcp-gateway/core'
import { memoryStorage } from '@mcp-gateway/core/storage'
import { describe, expect, test } from 'vitest'
import {
  type Answer,
  answerOf,
  form,
  obtainCode,
  obtainTokens,
  register,
  resource,
  type Setup,
  setUp,
} from '../../../test/fixture.js'

async function refresh(
  { call }: Setup,
  client: Record<string, string>,
  token: string,
  more: Record<string, string> = {},
): Promise<Answer> {
  const fields = { grant_type: 'refresh_token', refresh_token: token, client_id: client.client_id as string, ...more }
  return answerOf(await call('/token', form(fields)))
}

async function start(options: Parameters<typeof setUp>[0] = {}) {
  const setup = setUp({ scopes: { mcp: 'Use it', write: 'Change it' }, ...options })
  const { client, tokens } = await obtainTokens(setup, undefined, { scope: 'mcp write' })
  return { setup, client, token: tokens.refresh_token as string, accessToken: tokens.access_token as string }
}

describe('the token before the current one', () => {
  const day = 86_400

  test.each([1, 31, 3600, 10 * day, 29 * day])(
    'stays good until its successor is used, however late: after %i s [attack 60]',
    async (later) => {
      const { setup, client, token } = await start()
      const lost = await refresh(setup, client, token)
      setup.clock.advance(later)
      const again = await refresh(setup, client, token)
      expect([again.status, again.refresh_token]).toEqual([200, lost.refresh_token])
      const next = await refresh(setup, client, again.refresh_token)
      expect(next.status).toBe(200)
      expect(next.refresh_token).not.toBe(again.refresh_token)
    },
  )

  test.each([0, 31, 10 * day])(
    'ends the whole family once its successor was used: after %i s [attack 59, A6]',
    async (later) => {
      const { setup, client, token } = await start()
      const second = await refresh(setup, client, token)
      const third = await refresh(setup, client, second.refresh_token)
      setup.clock.advance(later)
      expect(await refresh(setup, client, token)).toMatchObject({ status: 400, error: 'invalid_grant' })
      expect(await refresh(setup, client, third.refresh_token)).toMatchObject({ status: 400, error: 'invalid_grant' })
      await expect(setup.server.protect(resource).verifyAccessToken(third.access_token)).rejects.toMatchObject({
        code: 'invalid_token',
      })
    },
  )

  test('goes no further than the grant does, and no other token of the family comes of it', async () => {
    const { setup, client, token } = await start({ lifetimes: { grant: 20 * day } })
    const lost = await refresh(setup, client, token)
    const seen = new Set([lost.refresh_token])
    for (let count = 0; count < 5; count++) {
      setup.clock.advance(3 * day)
      seen.add((await refresh(setup, client, token)).refresh_token)
    }
    expect(seen.size).toBe(1)
    setup.clock.advance(6 * day)
    expect(await refresh(setup, client, token)).toMatchObject({ status: 400, error: 'invalid_grant' })
  })

  test('is not good at all where the operator allows no repetition', async () => {
    const { setup, client, token } = await start({ lifetimes: { refreshReplay: 0 } })
    const next = await refresh(setup, client, token)
    expect(await refresh(setup, client, token)).toMatchObject({ status: 400, error: 'invalid_grant' })
    expect(await refresh(setup, client, next.refresh_token)).toMatchObject({ status: 400, error: 'invalid_grant' })
  })
})

test('a token that is used again after a window that the operator set ends the whole family [attack 59, A6]', async () => {
  const { setup, client, token } = await start({ lifetimes: { refreshReplay: 30 } })
  const next = await refresh(setup, client, token)
  setup.clock.advance(31)
  expect(await refresh(setup, client, token)).toMatchObject({ status: 400, error: 'invalid_grant' })
  expect(await refresh(setup, client, next.refresh_token)).toMatchObject({ status: 400, error: 'invalid_grant' })
})

test('a token that was rotated twice ends the family even within the window [attack 59]', async () => {
  const { setup, client, token } = await start()
  const second = await refresh(setup, client, token)
  const third = await refresh(setup, client, second.refresh_token)
  expect(await refresh(setup, client, token)).toMatchObject({ status: 400, error: 'invalid_grant' })
  expect(await refresh(setup, client, third.refresh_token)).toMatchObject({ status: 400, error: 'invalid_grant' })
})

test('the same token within the window gets the same successor, and both answers work [attack 60]', async () => {
  const { setup, client, token } = await start()
  const first = await refresh(setup, client, token)
  setup.clock.advance(29)
  const second = await refresh(setup, client, token)
  expect(second.refresh_token).toBe(first.refresh_token)
  expect(await refresh(setup, client, second.refresh_token)).toMatchObject({ status: 200 })
})

test('the window asks for the same question again, and another one ends nothing [attack 61]', async () => {
  const { setup, client, token } = await start()
  const next = await refresh(setup, client, token, { scope: 'mcp' })
  expect(await refresh(setup, client, token, { scope: 'write' })).toMatchObject({ error: 'invalid_grant' })
  const other = await register(setup)
  expect(await refresh(setup, other, token, { scope: 'mcp' })).toMatchObject({ error: 'invalid_grant' })
  expect(await refresh(setup, client, next.refresh_token)).toMatchObject({ status: 200 })
})

test('the scope can be narrowed, and widened again to what was granted, not beyond [attack 63]', async () => {
  const { setup, client, token } = await start()
  const narrow = await refresh(setup, client, token, { scope: 'mcp' })
  expect(narrow.scope).toBe('mcp')
  const beyond = await refresh(setup, client, narrow.refresh_token, { scope: 'mcp offline_access' })
  expect(beyond).toMatchObject({ status: 400, error: 'invalid_scope' })
  expect(await refresh(setup, client, narrow.refresh_token)).toMatchObject({ status: 200, scope: 'mcp write' })
})

describe('the scope that was asked for at first', () => {
  test.each(['mcp unknown', 'unknown mcp write', 'openid mcp write offline_access', 'write'])(
    'works as it did at authorization: %s [attack 63]',
    async (scope) => {
      const setup = setUp({ scopes: { mcp: 'Use it', write: 'Change it' } })
      const { client, tokens } = await obtainTokens(setup, undefined, { scope })
      const next = await refresh(setup, client, tokens.refresh_token as string, { scope })
      expect([next.status, next.scope]).toEqual([200, tokens.scope])
      expect(await refresh(setup, client, next.refresh_token, { scope })).toMatchObject({ scope: tokens.scope })
    },
  )

  test('works too where it is unknown and was granted as what every client comes for [attack 63]', async () => {
    const setup = setUp()
    for (const scope of ['claudeai', 'openid email profile', 'offline_access', 'claudeai offline_access']) {
      const { client, tokens } = await obtainTokens(setup, undefined, { scope })
      const next = await refresh(setup, client, tokens.refresh_token as string, { scope })
      expect([scope, next.status, next.scope]).toEqual([scope, 200, tokens.scope])
      expect(tokens.scope).toContain('mcp')
    }
  })

  test('does not let in what is known and was not granted, nor nothing in place of something [attack 63]', async () => {
    const setup = setUp({ scopes: { mcp: 'Use it', write: 'Change it' } })
    const { client, tokens } = await obtainTokens(setup, undefined, { scope: 'mcp unknown' })
    const token = tokens.refresh_token as string
    for (const scope of ['write', 'mcp write', 'mcp unknown write', 'mcp offline_access', 'unknown', 'mcp  x', 'a"b']) {
      expect([scope, (await refresh(setup, client, token, { scope })).error]).toEqual([scope, 'invalid_scope'])
    }
    expect(await refresh(setup, client, token, { scope: 'mcp unknown' })).toMatchObject({ status: 200, scope: 'mcp' })
  })
})

describe('resources', () => {
  test('a foreign one is invalid_target and consumes nothing [attack 64]', async () => {
    const { setup, client, token } = await start()
    const foreign = { resource: 'https://other.example.com/mcp' }
    expect(await refresh(setup, client, token, foreign)).toMatchObject({ status: 400, error: 'invalid_target' })
    expect(await refresh(setup, client, token, { resource })).toMatchObject({ status: 200 })
  })

  test('one that is served no more is invalid_grant [attack 64]', async () => {
    const { setup, client, token } = await start()
    const moved = setUp({ storage: setup.storage, resources: ['http://127.0.0.1:8787/other'] })
    expect(await refresh(moved, client, token, { resource })).toMatchObject({ status: 400, error: 'invalid_grant' })
  })
})

test('another client’s token is invalid_grant and stays good for its owner [attack 65]', async () => {
  const { setup, client, token } = await start()
  const other = await register(setup)
  expect(await refresh(setup, other, token)).toMatchObject({ status: 400, error: 'invalid_grant' })
  expect(await refresh(setup, client, token)).toMatchObject({ status: 200 })
})

describe('who left ends the grant', () => {
  test('by the operator [attack 66]', async () => {
    const { setup, client, token } = await start()
    expect(await setup.server.revokeUser('dev|alice')).toBeGreaterThan(0)
    expect(await refresh(setup, client, token)).toMatchObject({ status: 400, error: 'invalid_grant' })
  })

  test('by the operator, while a code is being traded in [attack 66]', async () => {
    const inner = memoryStorage()
    let meanwhile = async (): Promise<void> => {}
    const storage: Storage = {
      ...inner,
      async list(name, options) {
        const page = await inner.list(name, options)
        const work = meanwhile
        meanwhile = async () => {}
        await work()
        return page
      },
    }
    const setup = setUp({ storage })
    const { client, exchange } = await obtainCode(setup)
    let token = ''
    meanwhile = async () => {
      token = (await answerOf(await setup.call('/token', form(exchange)))).refresh_token
    }
    await setup.server.revokeUser('dev|alice')
    expect(token).toMatch(/^rt\./)
    expect(await refresh(setup, client, token)).toMatchObject({ status: 400, error: 'invalid_grant' })
  })

  test('by the directory, and an outage of it ends nothing [attack 66, attack 69]', async () => {
    let state: 'here' | 'away' | 'gone' = 'here'
    const { setup, client, token } = await start({
      checkUser: ({ subject }) => {
        expect(subject).toBe('dev|alice')
        if (state === 'away') throw new Error('directory down')
        return state === 'here'
      },
    })
    state = 'away'
    const outage = await refresh(setup, client, token)
    expect(outage).toMatchObject({ status: 503, error: 'temporarily_unavailable' })
    expect(outage.headers.get('retry-after')).toBe('5')
    state = 'here'
    const next = await refresh(setup, client, token)
    expect(next.status).toBe(200)
    state = 'gone'
    expect(await refresh(setup, client, next.refresh_token)).toMatchObject({ status: 400, error: 'invalid_grant' })
    state = 'here'
    expect(await refresh(setup, client, next.refresh_token)).toMatchObject({ status: 400, error: 'invalid_grant' })
  })
})

test('no other kind of token passes for a refresh token, nor a refresh token for an access token [attack 67]', async () => {
  const { setup, client, token, accessToken } = await start()
  expect(await refresh(setup, client, accessToken)).toMatchObject({ status: 400, error: 'invalid_grant' })
  await expect(setup.server.protect(resource).verifyAccessToken(token)).rejects.toMatchObject({ code: 'invalid_token' })
})

test('a forged secret in a known family needs the family, which no access token holds', async () => {
  const { setup, client, token, accessToken } = await start()
  const claims = JSON.parse(atob((accessToken.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/')))
  const forged = `rt.${claims.grant_id}.${'x'.repeat(43)}`
  expect(await refresh(setup, client, forged)).toMatchObject({ error: 'invalid_grant' })
  expect(await refresh(setup, client, token)).toMatchObject({ status: 200 })
})

test('a grant ends when it is idle, when its time is up, and not at all where told so [attack 68]', async () => {
  const day = 86_400
  const idle = await start({ lifetimes: { refreshTokenIdle: 10 * day } })
  idle.setup.clock.advance(9 * day)
  const next = await refresh(idle.setup, idle.client, idle.token)
  expect(next.status).toBe(200)
  idle.setup.clock.advance(11 * day)
  expect(await refresh(idle.setup, idle.client, next.refresh_token)).toMatchObject({ error: 'invalid_grant' })

  const capped = await start({ lifetimes: { grant: 20 * day } })
  capped.setup.clock.advance(19 * day)
  const last = await refresh(capped.setup, capped.client, capped.token)
  expect(last.status).toBe(200)
  capped.setup.clock.advance(2 * day)
  expect(await refresh(capped.setup, capped.client, last.refresh_token)).toMatchObject({ error: 'invalid_grant' })

  const eternal = await start({ lifetimes: { refreshTokenIdle: 0, client: 0 } })
  eternal.setup.clock.advance(5000 * day)
  expect(await refresh(eternal.setup, eternal.client, eternal.token)).toMatchObject({ status: 200 })
})

test('an outage of the store is 503, and neither invalid_grant nor invalid_client [attack 159]', async () => {
  const { setup, client, token } = await start()
  const outage = new GatewayError('temporarily_unavailable', 'connect ECONNREFUSED 10.0.0.5:6379')
  const broken = { ...setup.storage, get: () => Promise.reject(outage) }
  const down = setUp({ storage: broken })
  const answer = await refresh(down, client, token)
  expect(answer).toMatchObject({ status: 503, error: 'temporarily_unavailable' })
  expect(JSON.stringify(answer)).not.toContain('10.0.0.5')
  expect(await refresh(setup, client, token)).toMatchObject({ status: 200 })
})
