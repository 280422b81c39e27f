import { expect, test } from 'vitest'
import { BytesResponse } from './bytes-response.js'
import { mountable } from './mountable.js'
import { respond } from './respond.js'

const init = { status: 201, headers: { 'Content-Type': 'application/json' } }

test.each(['{"a":"é"}', new TextEncoder().encode('{"a":"é"}')])('reads as a plain response does', async (body) => {
  expect(respond(body, init)).toBeInstanceOf(Response)
  expect(respond(body, init).status).toBe(201)
  expect(respond(body, init).headers.get('content-type')).toBe('application/json')
  expect(await respond(body, init).json()).toEqual({ a: 'é' })
  expect(await respond(body, init).text()).toBe('{"a":"é"}')
  expect((await respond(body, init).arrayBuffer()).byteLength).toBe(10)
  expect((await respond(body, init).blob()).size).toBe(10)
  expect(await respond(body, init).clone().text()).toBe('{"a":"é"}')
  expect(await new Response(respond(body, init).body).text()).toBe('{"a":"é"}')
})

test('a body is read once', async () => {
  const response = respond('x')
  expect(response.bodyUsed).toBe(false)
  await response.text()
  expect(response.bodyUsed).toBe(true)
  await expect(response.text()).rejects.toThrow(TypeError)
})

test('headers can be added until it is sent', async () => {
  const response = respond('x', init)
  response.headers.set('X-Late', '1')
  expect(BytesResponse.toPlain(response).headers.get('x-late')).toBe('1')
})

test('the content is at hand until somebody reads it', async () => {
  const response = respond('x')
  expect(BytesResponse.contentOf(response)).toBe('x')
  await response.text()
  expect(BytesResponse.contentOf(response)).toBeUndefined()
  expect(BytesResponse.contentOf(new Response('x'))).toBeUndefined()
})

test('hosts that call fetch get a plain response', async () => {
  const app = mountable({ handle: () => respond('x', init) })
  const response = await app.fetch(new Request('https://mcp.example.com/'))
  expect(Object.getPrototypeOf(response)).toBe(Response.prototype)
  expect(response.status).toBe(201)
  expect(await response.text()).toBe('x')
})
