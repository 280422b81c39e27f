import { afterEach, expect, test, vi } from 'vitest'
import { setUp } from '../../../test/fixture.js'

const headers = { 'Content-Type': 'application/x-www-form-urlencoded' }

afterEach(() => vi.useRealTimers())

/** A body that begins and then falls silent. */
function slow(): ReadableStream<Uint8Array> {
  return new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode('grant_type=')) })
}

test.each(['/token', '/revoke', '/authorize', '/consent', '/login'])(
  'a body that does not arrive at %s within ten seconds is 408 [attack 56]',
  async (path) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { call } = setUp()
    const init = { method: 'POST', headers, body: slow(), duplex: 'half' } as RequestInit
    let status = 0
    const answer = call(path, init).then((response) => {
      status = response.status
    })
    await vi.advanceTimersByTimeAsync(9900)
    expect(status).toBe(0)
    await vi.advanceTimersByTimeAsync(200)
    await answer
    expect(status).toBe(408)
  },
)

test('bytes that are no UTF-8 are refused [attack 56]', async () => {
  const body = new Uint8Array([0x61, 0x3d, 0xff])
  expect((await setUp().call('/token', { method: 'POST', headers, body })).status).toBe(400)
})

test.each(['utf-7', '"UTF-16"', 'utf-8; charset=utf-7', 'iso-8859-1', ''])(
  'a body in charset=%s is refused, since somebody in front may read it otherwise [finding 2]',
  async (charset) => {
    const { call } = setUp()
    const form = { 'Content-Type': `application/x-www-form-urlencoded; charset=${charset}` }
    const answer = await call('/token', { method: 'POST', headers: form, body: 'grant_type=x' })
    expect(answer.status).toBe(400)
    expect(await answer.json()).toMatchObject({
      error: 'invalid_request',
      error_description: expect.stringContaining('charset'),
    })
    const json = { 'Content-Type': `application/json; charset=${charset}` }
    const registration = await call('/register', { method: 'POST', headers: json, body: '{}' })
    expect(await registration.json()).toMatchObject({
      error: 'invalid_client_metadata',
      error_description: expect.stringContaining('charset'),
    })
  },
)

test('a body in UTF-8 is read, however that is written [finding 2]', async () => {
  for (const charset of ['utf-8', '"UTF-8"']) {
    const form = { 'Content-Type': `application/x-www-form-urlencoded;charset=${charset}` }
    const answer = await setUp().call('/token', { method: 'POST', headers: form, body: 'grant_type=x' })
    expect(await answer.json()).toMatchObject({ error: expect.not.stringMatching('invalid_request') })
  }
})

test('no timer is left behind by a body that arrived', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  await setUp().call('/token', { method: 'POST', headers, body: 'grant_type=x' })
  expect(vi.getTimerCount()).toBe(0)
})
