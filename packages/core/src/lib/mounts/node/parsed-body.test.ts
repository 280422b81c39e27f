import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import express5 from 'express'
// @ts-expect-error: no types of its own, and those of Express 5 fit
import express4 from 'express4'
import { expect, test } from 'vitest'
import { mountable } from '../../http/mountable.js'
import { toNodeHandler } from './to-node-handler.js'

const text = '{"n":12345678901234567890, "s":"é"}'

test.each([
  ['json', 4, express4.json(), 'application/json', '{"n":12345678901234567000,"s":"é"}'],
  ['json', 5, express5.json(), 'application/json', '{"n":12345678901234567000,"s":"é"}'],
  ['raw', 5, express5.raw({ type: () => true }), 'application/json', text],
  ['text', 5, express5.text({ type: () => true }), 'application/json', text],
  [
    'json that keeps the raw body',
    5,
    express5.json({ verify: (request, _response, rawBody) => Object.assign(request, { rawBody }) }),
    'application/json',
    text,
  ],
  ['json, which leaves other types alone', 5, express5.json(), 'application/x-www-form-urlencoded', 'a=1'],
  ['urlencoded', 5, express5.urlencoded({ extended: false }), 'application/x-www-form-urlencoded', undefined],
] as const)('a body parser above us, %s of Express %d', async (_name, version, parser, type, expected) => {
  const app = version === 4 ? express4() : express5()
  const errors: unknown[] = []
  const logger = {
    debug() {},
    info() {},
    warn() {},
    error: (_fields: unknown, message: string) => errors.push(message),
  }
  app.use(parser as never)
  app.use(
    toNodeHandler(mountable({ handle: async (request) => new Response(await request.text()) }), { logger }) as never,
  )
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const body = type === 'application/json' ? text : 'a=1'
  const response = await fetch(url, { method: 'POST', headers: { 'Content-Type': type }, body })
  if (expected === undefined) {
    expect(response.status).toBe(500)
    expect(await response.text()).toContain('body parser')
    expect(errors).toHaveLength(1)
  } else {
    expect(await response.text()).toBe(expected)
  }
  server.close()
})
