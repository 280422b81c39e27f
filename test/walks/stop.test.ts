import { beforeAll, describe, expect, test } from 'vitest'
import { connectSdkV2 } from '../clients/sdk-v2.js'
import { buildExample } from './build-examples.js'
import { type ExampleName, startExample } from './example-process.js'
import { descendants, survivors } from './processes.js'

const nobody = () => Promise.reject(new Error('No login was expected'))

// Next ends a process in its own way.
const exitCode = (name: ExampleName, signal: 'SIGINT' | 'SIGTERM') =>
  name === 'next' ? { SIGINT: 130, SIGTERM: 143 }[signal] : 0

describe.each(['express', 'hono', 'next'] as const)('examples/%s', (name) => {
  beforeAll(() => buildExample(name), 300_000)

  /** Two people in sessions of their own, each with a stream open and a process behind it. */
  async function busyExample() {
    const example = await startExample(name, { AUTH: 'off' })
    const connect = () => connectSdkV2(`${example.url}/everything/mcp`, nobody)
    const [first] = await Promise.all([connect(), connect()])
    await expect.poll(() => descendants(example.pid, 'server-everything')).toHaveLength(2)
    return { example, client: first.client, processes: descendants(example.pid) }
  }

  test('ends on SIGINT while nobody is connected', async () => {
    const example = await startExample(name)
    expect((await fetch(`${example.url}/health`)).status).toBe(200)
    example.kill('SIGINT')
    expect(await example.ended).toMatchObject({ code: exitCode(name, 'SIGINT'), signal: null })
  })

  test.each(['SIGINT', 'SIGTERM'] as const)('ends on %s, and no process stays', async (signal) => {
    const { example, processes } = await busyExample()
    example.kill(signal)
    // npm passes on a Ctrl-C that the terminal has delivered already.
    example.kill(signal)
    const { code, output } = await example.ended
    expect(code).toBe(exitCode(name, signal))
    expect(output).not.toMatch(/^\s+at /m)
    expect(await survivors(processes, 10)).toEqual([])
  })

  test('leaves no process when it is killed', async () => {
    const { example, client, processes } = await busyExample()
    // A server that is at work does not end by itself when its input ends.
    await new Promise<void>((begun) => {
      const work = { duration: 60, steps: 600 }
      void client.callTool('trigger-long-running-operation', work, () => begun()).catch(() => undefined)
    })
    example.kill('SIGKILL')
    await example.ended
    expect(await survivors(processes, 10)).toEqual([])
  })

  test('lets calls that are under way finish before it ends, streamed or not', async () => {
    const { example, client } = await busyExample()
    const plain = client.callTool('trigger-long-running-operation', { duration: 1, steps: 1 })
    let streamed = Promise.resolve('')
    await new Promise<void>((begun) => {
      streamed = client.callTool('trigger-long-running-operation', { duration: 1, steps: 4 }, () => begun())
    })
    example.kill('SIGINT')
    expect(await Promise.all([plain, streamed])).toEqual([
      expect.stringContaining('Steps: 1'),
      expect.stringContaining('Steps: 4'),
    ])
    await example.ended
  })
})

test('ends at once on a second Ctrl-C', async () => {
  const example = await startExample('express', { AUTH: 'off' })
  const { client } = await connectSdkV2(`${example.url}/everything/mcp`, nobody)
  const processes = descendants(example.pid)
  await new Promise<void>((begun) => {
    // Nobody waits for its answer: a client may try for a minute to take up a stream that was cut
    const work = { duration: 60, steps: 600 }
    void client.callTool('trigger-long-running-operation', work, () => begun()).catch(() => 'cut')
  })
  example.kill('SIGINT')
  await expect.poll(() => example.output(), { timeout: 20_000 }).toContain('Stopping')
  // Sooner it would count as the same Ctrl-C, passed on by npm
  await new Promise((resolve) => setTimeout(resolve, 400))
  example.kill('SIGINT')
  // One that had let the call finish would end with 0
  expect(await example.ended).toMatchObject({ code: 130 })
  expect(await survivors(processes, 10)).toEqual([])
})
