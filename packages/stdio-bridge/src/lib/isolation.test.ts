import { expect, test } from 'vitest'
import { call, fixture, readAll, Session, tokenOf } from '../../../../test/fixtures/bridge-client.js'
import { createStdioBridge, type StdioBridge } from '../index.js'

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/** Runs sessions of two users, so many alive at once, and checks every byte that each of them gets. */
async function run(bridge: StdioBridge, sessions: number, alive: number): Promise<number> {
  let next = 0
  let checked = 0
  const worker = async () => {
    for (let n = next++; n < sessions; n = next++) {
      const user = n % 2 === 0 ? 'alice' : 'mallory'
      const own = `${user}-${n}-`
      const session = await Session.open(bridge, { context: { auth: tokenOf(user) } })
      const listening = await session.request('GET')
      const texts = await Promise.all([
        session.post(call(1, 'echo', { mark: `${own}a` }, { progressToken: 1 })).then((response) => response.text()),
        session.post(call(1, 'echo', { mark: `${own}b` }, { progressToken: 1 })).then((response) => response.text()),
        session
          .post({ jsonrpc: '2.0', id: 1, method: 'resources/subscribe', params: { uri: `${own}c` } })
          .then((response) => response.text()),
      ])
      await session.request('DELETE')
      texts.push(await listening.text())
      expect(texts[0]).toContain(`"mark":"${own}a"`)
      expect(texts[1]).toContain(`"mark":"${own}b"`)
      for (const text of texts) {
        for (const [mark] of text.matchAll(/(?:alice|mallory)-\d+-/g)) {
          expect(mark).toBe(own)
          checked++
        }
      }
      // Progress is for the call that asked for it, whatever else has the same token
      expect(texts[0]).not.toMatch(new RegExp(`"progressToken":1,"progress":1,"message":"${own}b`))
      expect(texts[1]).not.toMatch(new RegExp(`"progressToken":1,"progress":1,"message":"${own}a`))
    }
  }
  await Promise.all(Array.from({ length: alive }, worker))
  return checked
}

test('[L9, L10] a thousand sessions of two users, fifty alive at once, with clashing ids, tokens and subscriptions, never see a byte of each other', async () => {
  const bridge = createStdioBridge({
    command: 'sh',
    args: [fixture('echo.sh')],
    logger: quiet,
    maxSessionsPerPrincipal: 64,
    maxStartsPerMinute: 10_000,
    maxChildren: 1000,
  })
  const checked = await run(bridge, 1000, 50)
  // Two answers, two progress notifications, two log lines and an update for each session
  expect(checked).toBeGreaterThanOrEqual(7000)
  await bridge.close()
  expect(bridge.stats()).toMatchObject({ children: 0, sessions: 0, inFlight: 0, unmatchedResponses: 0, spawned: 1000 })
}, 240_000)

test('[L9, L10] nor where the sessions of a user share a process', async () => {
  const bridge = createStdioBridge({
    command: 'sh',
    args: [fixture('echo.sh')],
    logger: quiet,
    isolation: 'principal',
    maxSessionsPerPrincipal: 64,
  })
  const responses = await Promise.all(
    Array.from({ length: 40 }, async (_, n) => {
      const user = n % 2 === 0 ? 'alice' : 'mallory'
      const session = await Session.open(bridge, { context: { auth: tokenOf(user) } })
      const messages = await readAll(
        await session.post(call(1, 'echo', { mark: `${user}-${n}-` }, { progressToken: 1 })),
      )
      const other = n % 2 === 0 ? 'mallory' : 'alice'
      expect(JSON.stringify(messages)).not.toContain(other)
      const progress = messages.filter(({ method }) => method === 'notifications/progress')
      expect(progress.map(({ params }) => params?.message)).toEqual([`${user}-${n}-`])
      return messages.at(-1)?.result as { mark: string; pid: number }
    }),
  )
  responses.forEach(({ mark }, n) => {
    expect(mark).toBe(`${n % 2 === 0 ? 'alice' : 'mallory'}-${n}-`)
  })
  const pids = (rest: number) => new Set(responses.filter((_, n) => n % 2 === rest).map(({ pid }) => pid))
  expect([pids(0).size, pids(1).size]).toEqual([1, 1])
  expect([...pids(0)]).not.toEqual([...pids(1)])
  await bridge.close()
})
