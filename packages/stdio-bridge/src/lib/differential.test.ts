import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { events, fixture, initialize, Session } from '../../../../test/fixtures/bridge-client.js'
import { createStdioBridge, type StdioBridge } from '../index.js'

const args = [fixture('mirror-server.mjs')]
const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
let direct: Direct
let bridge: StdioBridge
let session: Session

/** The same server, spoken to over stdio. */
class Direct {
  readonly child: ChildProcess = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  readonly #lines: string[] = []
  #more: () => void = () => {}

  constructor() {
    createInterface({ input: this.child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      this.#lines.push(line)
      this.#more()
    })
  }

  /** Sends one request and collects what comes up to its answer. */
  async ask(body: string): Promise<string[]> {
    this.child.stdin?.write(`${body.replaceAll(/[\r\n]/g, ' ')}\n`)
    const answers = () => this.#lines.some((line) => !line.includes('"method":"notifications/'))
    while (!answers()) await new Promise<void>((resolve) => (this.#more = resolve))
    return this.#lines.splice(0)
  }
}

beforeAll(async () => {
  direct = new Direct()
  await direct.ask(JSON.stringify(initialize('2025-06-18')))
  bridge = createStdioBridge({ command: process.execPath, args, logger: quiet })
  session = await Session.open(bridge, { protocolVersion: '2025-06-18' })
})
afterAll(async () => {
  direct.child.kill()
  await bridge.close()
})

async function through(body: string): Promise<string[]> {
  const response = await session.post(body)
  if (response.headers.get('content-type') === 'application/json') return [await response.text()]
  const all: string[] = []
  for await (const { data } of events(response)) all.push(data)
  return all
}

/** JSON as others write it: numbers that JavaScript cannot hold, escapes, odd spaces, repeated content. */
const number = fc.oneof(
  fc.constantFrom(
    '9007199254740993',
    '-0',
    '1e400',
    '0.1000000000000000055511151231257827',
    '1E+2',
    '123456789012345678901234567890',
  ),
  fc.integer().map(String),
)
const text = fc.oneof(
  fc.constantFrom(
    '"\\u0041\\/"',
    '"\\ud83d\\ude00"',
    '"é\\n\\u2028"',
    '"\\"id\\":1,\\"jsonrpc\\""',
    '"data: x\\n\\nid: 1"',
  ),
  fc.string({ unit: 'grapheme' }).map((value) => JSON.stringify(value)),
)
const space = fc.constantFrom('', ' ', '\t', '\n', '\r\n  ')
const json: fc.Arbitrary<string> = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.oneof(number, text, fc.constantFrom('true', 'false', 'null')),
    fc.tuple(fc.array(tie('value'), { maxLength: 4 }), space).map(([items, gap]) => `[${gap}${items.join(`,${gap}`)}]`),
    fc
      .tuple(fc.array(tie('value'), { maxLength: 4 }), space)
      .map(([items, gap]) => `{${items.map((item, n) => `${gap}"k${n}"${gap}:${gap}${item}`).join(',')}${gap}}`),
  ),
})).value

const request = fc.record({
  id: fc.oneof(fc.integer().map(String), text),
  payload: json,
  notifications: fc.integer({ min: 0, max: 3 }),
  withToken: fc.boolean(),
  isError: fc.boolean(),
  idLast: fc.boolean(),
  gap: space,
})

test('the same random session gives the same messages in the same order, byte for byte', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 5 }), async (requests) => {
      for (const { id, payload, notifications, withToken, isError, idLast, gap } of requests) {
        const meta = withToken ? `,"_meta":{"x/y":${payload},"progressToken":${id}}` : ''
        const params = `{"notifications":${notifications},"error":${isError},"idLast":${idLast},${gap}"payload":${payload}${meta}}`
        const body = `{"jsonrpc":"2.0",${gap}"id":${id},"method":"mirror","params":${params}}`
        expect(await through(body)).toEqual(await direct.ask(body))
      }
    }),
    { numRuns: 150 },
  )
}, 180_000)
