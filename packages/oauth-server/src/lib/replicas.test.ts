import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Storage } from '@mcp-gateway/core'
import { memoryStorage } from '@mcp-gateway/core/storage'
import { Redis } from 'ioredis'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import Database from 'libsql'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasBinary } from '../../../../test/servers/binary.js'
import { startPostgres } from '../../../../test/servers/postgres.js'
import { startRedis } from '../../../../test/servers/redis.js'
import { postgresSchema, postgresStorage } from '../../../storage-adapters/src/postgres.js'
import { redisStorage } from '../../../storage-adapters/src/redis.js'
import { sqliteStorage } from '../../../storage-adapters/src/sqlite.js'
import {
  answerOf,
  authorizePath,
  form,
  issuer,
  obtainCode,
  obtainTokens,
  pkce,
  redirectUri,
  register,
  resource,
  type Setup,
  setUp,
} from '../../test/fixture.js'
import { assertionType } from './client-authentication/client-assertion.js'
import { devLogin } from './identity-providers/dev-login.js'
import type { AuthorizationServerOptions } from './server/options.js'
import { followLogin } from './testing/follow-login.js'

// Two replicas, each with a connection of its own, and 50 callers spread over both.

interface Store {
  open: () => Storage
  end: () => Promise<void> | void
}

const stores: [string, boolean, () => Promise<Store>][] = [
  [
    'memory',
    true,
    async () => {
      const storage = memoryStorage()
      return { open: () => storage, end: () => {} }
    },
  ],
  [
    'SQLite',
    true,
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'oauth-'))
      const opened: Database.Database[] = []
      const open = () => {
        const database = new Database(join(folder, 'oauth.db'))
        database.exec('PRAGMA synchronous = OFF')
        opened.push(database)
        return sqliteStorage(database)
      }
      const end = () => {
        for (const database of opened) database.close()
        rmSync(folder, { recursive: true, force: true })
      }
      return { open, end }
    },
  ],
  [
    'PostgreSQL',
    hasBinary('postgres'),
    async () => {
      const server = await startPostgres()
      const pools: pg.Pool[] = []
      const open = () => {
        const pool = new pg.Pool({ connectionString: server.url, max: 10 })
        pool.on('error', () => {})
        pools.push(pool)
        return postgresStorage(pool, { timeout: 20 })
      }
      open()
      await pools[0]?.query(postgresSchema())
      return {
        open,
        end: async () => {
          await Promise.all(pools.map((pool) => pool.end()))
          await server.stop()
        },
      }
    },
  ],
  [
    'Redis',
    hasBinary('redis-server'),
    async () => {
      const server = await startRedis()
      const clients: Redis[] = []
      const open = () => {
        const client = new Redis(server.port)
        client.on('error', () => {})
        clients.push(client)
        return redisStorage(client)
      }
      return {
        open,
        end: async () => {
          for (const client of clients) client.disconnect()
          await server.stop()
        },
      }
    },
  ],
]

for (const [name, available, start] of stores) {
  describe.runIf(available)(`two replicas on ${name}`, () => {
    let store: Store
    let replicas: [Setup, Setup]
    beforeAll(async () => {
      store = await start()
      const replica = (): Setup => setUp({ storage: store.open(), lifetimes: { revocationDelay: 0 } })
      replicas = [replica(), replica()]
    })
    afterAll(() => store?.end())

    /** The same request 50 times at once, by turns at either replica. */
    const race = (send: (replica: Setup, index: number) => Promise<Response>) =>
      Promise.all(
        Array.from({ length: 50 }, async (_, index) => answerOf(await send(replicas[index % 2] as Setup, index))),
      )

    test('one code gets tokens once, and a second use takes them back [attack 34, attack 35]', async () => {
      const { exchange } = await obtainCode(replicas[0])
      const answers = await race(({ call }) => call('/token', form(exchange)))
      const [winner, ...more] = answers.filter(({ status }) => status === 200)
      expect(more).toEqual([])
      expect(answers.filter(({ error }) => error === 'invalid_grant')).toHaveLength(49)
      const verifier = replicas[1].server.protect(resource)
      await expect(verifier.verifyAccessToken(winner?.access_token ?? '')).rejects.toMatchObject({
        code: 'invalid_token',
      })
    })

    test('one refresh token gets one successor, for everyone who asks [attack 60, attack 62]', async () => {
      const { client, tokens } = await obtainTokens(replicas[0])
      const fields = { grant_type: 'refresh_token', client_id: client.client_id as string }
      const answers = await race(({ call }) =>
        call('/token', form({ ...fields, refresh_token: tokens.refresh_token as string })),
      )
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
      const successors = new Set(answers.map(({ refresh_token }) => refresh_token))
      expect(successors.size).toBe(1)
      const next = { ...fields, refresh_token: [...successors][0] as string }
      expect(await answerOf(await replicas[1].call('/token', form(next)))).toMatchObject({ status: 200 })
      await replicas[1].server.protect(resource).verifyAccessToken(answers[0]?.access_token ?? '')
    })

    test('one assertion is let in once, with one good refresh token [attack 54, finding 14]', async () => {
      const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true })
      const jwks = { keys: [await exportJWK(publicKey)] }
      const client = await register(replicas[0], { token_endpoint_auth_method: 'private_key_jwt', jwks })
      const id = client.client_id as string
      const prove = async () => ({
        client_assertion_type: assertionType,
        client_assertion: await new SignJWT({ jti: crypto.randomUUID() })
          .setProtectedHeader({ alg: 'ES256' })
          .setIssuer(id)
          .setSubject(id)
          .setAudience(issuer)
          .setExpirationTime('1m')
          .sign(privateKey),
      })
      const { exchange } = await obtainCode(replicas[0], client)
      const { refresh_token } = await answerOf(
        await replicas[1].call('/token', form({ ...exchange, ...(await prove()) })),
      )
      const fields = { grant_type: 'refresh_token', refresh_token, ...(await prove()) }
      const answers = await race(({ call }) => call('/token', form(fields)))
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
      expect(answers.filter(({ error }) => error === 'invalid_client')).toHaveLength(49)
    })

    const limited = (options: Partial<AuthorizationServerOptions> = {}): [Setup, Setup] => {
      const replica = (): Setup =>
        setUp({
          issuer: `https://${crypto.randomUUID()}.example.com`,
          identityProvider: { ...devLogin(), validate() {} },
          encryptionKeys: ['A'.repeat(43)],
          dangerouslyAllowSingleProcessStorage: true,
          storage: store.open(),
          ...options,
        })
      return [replica(), replica()]
    }

    test('registrations of one IPv6 /56 and of one /48 are counted together [finding 14]', async () => {
      const issuer = `https://${crypto.randomUUID()}.example.com`
      const pair = limited({ issuer, registration: { perAddress: 2 } })
      const body = JSON.stringify({ redirect_uris: [redirectUri], token_endpoint_auth_method: 'none' })
      const from = (index: number, address: string) =>
        pair[index % 2]?.call(
          '/register',
          { method: 'POST', headers: { 'content-type': 'application/json' }, body },
          { client: { address } },
        ) as Promise<Response>
      const statuses = await Promise.all(
        Array.from(
          { length: 50 },
          async (_, index) => (await from(index, `2001:db8:1:${index.toString(16)}::1`)).status,
        ),
      )
      expect(statuses.filter((status) => status === 201)).toHaveLength(8)
      const wide = await Promise.all(
        Array.from(
          { length: 50 },
          async (_, index) => (await from(index, `2001:db8:2:${(index * 256).toString(16)}::1`)).status,
        ),
      )
      expect(wide.filter((status) => status === 201)).toHaveLength(32)
      expect((await from(0, '2001:db8:3::1')).status).toBe(201)
    })

    test('a page that is answered many times at once counts once [finding 14]', async () => {
      const issuer = `https://${crypto.randomUUID()}.example.com`
      const pair = limited({ issuer, resources: [`${issuer}/mcp`], loginLimits: { perAddress: 2, total: 4 } })
      const client = await register(pair[0])
      const ask = async (index: number) => {
        const path = authorizePath(client.client_id as string, pkce().challenge, { resource: `${issuer}/mcp` })
        const page = await (pair[index % 2] as Setup).call(path)
        const transaction = /name="transaction" value="([^"]+)"/.exec(await page.text())?.[1] ?? ''
        const cookie = page.headers.getSetCookie()[0]?.split(';')[0] ?? ''
        return (replica: number, decision: string) =>
          (pair[replica % 2] as Setup).call('/consent', form({ transaction, decision }, { cookie }), {
            client: { address: '192.0.2.1' },
          })
      }
      const answer = await ask(0)
      const statuses = await Promise.all(
        Array.from({ length: 50 }, async (_, index) => (await answer(index, 'deny')).status),
      )
      expect(statuses.filter((status) => status === 303)).toHaveLength(4)
      expect(statuses.filter((status) => status === 403)).toHaveLength(46)
      expect((await (await ask(1))(0, 'approve')).status).toBe(303)
      expect((await (await ask(0))(1, 'approve')).status).toBe(429)
    })

    test('one registration is updated once per token [attack 82]', async () => {
      const client = await register(replicas[0])
      const path = new URL(client.registration_client_uri as string).pathname
      const headers = {
        authorization: `Bearer ${client.registration_access_token}`,
        'content-type': 'application/json',
      }
      const body = (index: number): string =>
        JSON.stringify({ client_id: client.client_id, redirect_uris: [redirectUri], client_name: `Name ${index}` })
      const answers = await race(({ call }, index) => call(path, { method: 'PUT', headers, body: body(index) }))
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
      expect(answers.filter(({ status }) => status === 401)).toHaveLength(49)
    })

    test('serve the steps of a walk by turns, with one set of keys', async () => {
      let turn = 0
      const next = (): Setup => replicas[turn++ % 2] as Setup
      const client = await register(next())
      const { verifier, challenge } = pkce()
      const callback = await followLogin(issuer + authorizePath(client.client_id as string, challenge), redirectUri, {
        fetch: (url, init) => next().server.fetch(new Request(url, init)),
      })
      const fields = {
        grant_type: 'authorization_code',
        code: callback.searchParams.get('code') ?? '',
        code_verifier: verifier,
        redirect_uri: redirectUri,
        client_id: client.client_id as string,
      }
      const tokens = await answerOf(await next().call('/token', form(fields)))
      for (const replica of replicas) await replica.server.protect(resource).verifyAccessToken(tokens.access_token)
      const sets = await Promise.all(replicas.map(async ({ call }) => (await call('/jwks')).text()))
      expect(sets[0]).toBe(sets[1])
      const revoke = { token: tokens.access_token, client_id: client.client_id as string }
      expect((await next().call('/revoke', form(revoke))).status).toBe(200)
      for (const replica of replicas) {
        await expect(replica.server.protect(resource).verifyAccessToken(tokens.access_token)).rejects.toMatchObject({
          code: 'invalid_token',
        })
      }
    })

    test('everything of a user ends at once', async () => {
      const { client, tokens } = await obtainTokens(replicas[0])
      expect(await replicas[1].server.revokeUser('dev|alice')).toBeGreaterThan(0)
      const fields = {
        grant_type: 'refresh_token',
        refresh_token: tokens.refresh_token as string,
        client_id: client.client_id as string,
      }
      expect(await answerOf(await replicas[0].call('/token', form(fields)))).toMatchObject({ error: 'invalid_grant' })
    })
  })
}
