import { type ChildProcess, fork } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { followLogin } from '@mcp-gateway/oauth-server/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readJson, type Tokens } from '../clients/plain-client.js'
import { hasBinary } from '../servers/binary.js'
import { type RedisServer, startRedis } from '../servers/redis.js'

// A walk from registration to a refreshed token. Each request goes to one replica, which is killed with SIGKILL at one step of
// its work; then the same request goes to the other one. Every request and every step of it has its turn.

const url = 'http://127.0.0.1:8787'
const resource = `${url}/notes/mcp`
const redirectUri = 'http://127.0.0.1:33418/callback'

interface Report {
  port?: number
  step?: string
  stopped?: string
  armed?: boolean
}

interface Replica {
  readonly port: number
  /** The steps that it took since it was last asked. */
  steps(): string[]
  /** Lets it go on for so many steps and stop there. */
  arm(steps: number): Promise<void>
  /** Waits until it has stopped, ends it as a crash does, and says where it was. */
  kill(): Promise<string>
  end(): void
}

async function startReplica(redis: string): Promise<Replica> {
  const child: ChildProcess = fork(fileURLToPath(new URL('./oauth-replica.ts', import.meta.url)), [url, redis], {
    execArgv: ['--import', 'tsx', '--conditions=@mcp-gateway/source'],
  })
  const steps: string[] = []
  let report: (stopped: string) => void
  const stopped = new Promise<string>((resolve) => {
    report = resolve
  })
  child.on('message', (message: Report) => {
    if (message.step) steps.push(message.step)
    if (message.stopped) report(message.stopped)
  })
  const [{ port = 0 }] = (await once(child, 'message')) as [Report]
  // It has read the signing keys by then, as one that has served for a while.
  await fetch(`http://127.0.0.1:${port}/jwks`)
  return {
    port,
    steps: () => steps.splice(0),
    arm: async (count) => {
      const armed = once(child, 'message')
      child.send(count)
      await armed
    },
    kill: async () => {
      const at = await stopped
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      expect((await gone)[1]).toBe('SIGKILL')
      return at
    },
    end: () => child.kill('SIGKILL'),
  }
}

type Send = (to: string, init?: RequestInit) => Promise<Response>

/** The requests of a walk by name, in their order. */
const requests = [
  'registration',
  'authorize page',
  'consent',
  'login page',
  'login',
  'code',
  'refresh',
  'call',
] as const

/** Walks with `send`, which repeats what a kill lost, and says whether a code was lost with it. */
async function walk(send: (name: string, to: string, init?: RequestInit) => Promise<Response>): Promise<boolean> {
  let at = 0
  const next: Send = (to, init) => send(requests[at++] ?? 'too many', to, init)
  const post = (fields: Record<string, string>) =>
    next(`${url}/token`, { method: 'POST', body: new URLSearchParams({ client_id, ...fields }) })
  const registration = await next(`${url}/register`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ redirect_uris: [redirectUri], token_endpoint_auth_method: 'none' }),
  })
  const { client_id } = await readJson<{ client_id: string }>(registration, 201)
  const logIn = async () => {
    const verifier = randomBytes(32).toString('base64url')
    const query = new URLSearchParams({
      response_type: 'code',
      client_id,
      redirect_uri: redirectUri,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
      resource,
    })
    const callback = await followLogin(`${url}/authorize?${query}`, redirectUri, { fetch: next })
    const code = callback.searchParams.get('code') ?? ''
    return { grant_type: 'authorization_code', code, code_verifier: verifier, redirect_uri: redirectUri }
  }
  let redeemed = await post(await logIn())
  const codeLost = redeemed.status === 400
  if (codeLost) {
    // A code is good once: whoever lost the answer to it asks the person again, who finds everything else as it was.
    expect(await redeemed.json()).toMatchObject({ error: 'invalid_grant' })
    at = requests.indexOf('authorize page')
    redeemed = await post(await logIn())
  }
  const first = await readJson<Tokens>(redeemed, 200)
  const refresh = { grant_type: 'refresh_token', refresh_token: first.refresh_token }
  const { access_token } = await readJson<Tokens>(await post(refresh), 200)
  const call = await next(resource, {
    method: 'POST',
    headers: { Authorization: `Bearer ${access_token}`, 'Content-Type': 'application/json' },
    body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}',
  })
  expect(await readJson(call, 200)).toEqual({ notes: [] })
  return codeLost
}

describe.runIf(hasBinary('redis-server'))('of two replicas on one Redis', () => {
  let redis: RedisServer
  let survivor: Replica
  const stepsOf: Record<string, string[]> = {}
  const at = ({ port }: Replica, to: string) => to.replace(url, `http://127.0.0.1:${port}`)

  beforeAll(async () => {
    redis = await startRedis()
    survivor = await startReplica(redis.url)
    await walk(async (name, to, init) => {
      survivor.steps()
      const response = await fetch(at(survivor, to), init)
      stepsOf[name] = survivor.steps()
      return response
    })
  })
  afterAll(async () => {
    survivor?.end()
    await redis?.stop()
  })

  /** Walks, and loses one replica after so many steps of this request. */
  async function walkWithKill(name: string, steps: number) {
    const victim = await startReplica(redis.url)
    let killedAt = ''
    const codeLost = await walk(async (request, to, init) => {
      if (request !== name || killedAt) return fetch(at(survivor, to), init)
      await victim.arm(steps)
      const lost = expect(fetch(at(victim, to), init)).rejects.toThrow('fetch failed')
      killedAt = await victim.kill()
      await lost
      return fetch(at(survivor, to), init)
    }).finally(() => victim.end())
    return { killedAt, codeLost }
  }

  const killed = requests.filter((name) => name !== 'login page' && name !== 'call')
  test.each(killed)(
    'one is killed at every step of the %s, and the walk goes on at the other',
    async (name) => {
      const steps = stepsOf[name] ?? []
      expect(steps.at(-1)).toBe('answer')
      const outcomes = await Promise.all(steps.map((_, index) => walkWithKill(name, index)))
      const expected = steps.map((killedAt, index) => ({
        killedAt,
        codeLost: name === 'code' && steps[index - 1] === 'compareAndSet code',
      }))
      expect(outcomes).toEqual(expected)
    },
    300_000,
  )
})
