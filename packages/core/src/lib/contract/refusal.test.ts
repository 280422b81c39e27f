import { expect, it } from 'vitest'
import { isRefusal, Refusal } from './refusal.js'

it('tells a refusal by its mark, also one of another copy of the package', async () => {
  const path = './refusal.js?another-copy'
  const other: typeof import('./refusal.js') = await import(path)
  expect(other.Refusal).not.toBe(Refusal)
  expect(isRefusal(new other.Refusal(400, 'invalid_request', 'Send a body'))).toBe(true)
  for (const value of [undefined, null, 'refused', 400, new Error('x'), { status: 400, code: 'invalid_request' }]) {
    expect(isRefusal(value)).toBe(false)
  }
})

it('keeps the reason for the log apart from what the caller is told', () => {
  const refusal = new Refusal(503, 'temporarily_unavailable', 'Try again', {
    headers: { 'Retry-After': '1' },
    reason: 'the store is full',
  })
  expect(refusal).toMatchObject({ status: 503, description: 'Try again', headers: { 'Retry-After': '1' } })
  expect(refusal.reason).toBe('the store is full')
  expect(new Refusal(400, 'invalid_request', 'Send a body').reason).toBe('Send a body')
  expect(String(refusal)).toBe('Refusal 503 temporarily_unavailable: the store is full')
  expect('stack' in refusal).toBe(false)
})
