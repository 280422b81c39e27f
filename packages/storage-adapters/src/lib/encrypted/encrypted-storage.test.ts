import { memoryStorage } from '@mcp-gateway/core'
import { testStorage } from '@mcp-gateway/core/testing'
import { describe, expect, test } from 'vitest'
import { encryptedStorage } from './encrypted-storage.js'

const [oldKey, newKey] = [1, 2].map((byte) => Buffer.alloc(32, byte).toString('base64')) as [string, string]
const forever = { ttl: null }

describe('encryptedStorage', () => {
  let time = 1_700_000_000_000
  const storage = encryptedStorage(memoryStorage({ now: () => time }), [newKey])
  const cases = testStorage({
    open: () => storage,
    advance: (seconds) => {
      time += seconds * 1000
    },
  })
  for (const { name, run } of cases) test(name, run)
})

describe('encryptedStorage: its values', () => {
  test('are not to be read in the store, and never look the same twice', async () => {
    const inner = memoryStorage()
    const storage = encryptedStorage(inner, [newKey])
    await storage.set('key', 'a secret', forever)
    const first = (await inner.get('key'))?.value
    await storage.set('key', 'a secret', forever)
    const second = (await inner.get('key'))?.value
    expect(first).toMatch(/^[\w-]{8}\.[\w-]+$/)
    expect(Buffer.from(first?.split('.')[1] ?? '', 'base64url').includes('secret')).toBe(false)
    expect(second).not.toBe(first)
  })

  test('cannot be moved to another key', async () => {
    const inner = memoryStorage()
    const storage = encryptedStorage(inner, [newKey])
    await storage.set('grant:alice', 'admin', forever)
    await inner.set('grant:mallory', (await inner.get('grant:alice'))?.value ?? '', forever)
    await expect(storage.get('grant:mallory')).rejects.toThrow('belongs to another key')
    await expect(storage.take('grant:mallory')).rejects.toThrow('belongs to another key')
  })

  test('cannot be changed', async () => {
    const inner = memoryStorage()
    const storage = encryptedStorage(inner, [newKey])
    await storage.set('key', 'value', forever)
    const sealed = (await inner.get('key'))?.value ?? ''
    for (const at of [9, 20, sealed.length - 2]) {
      const changed = sealed.slice(0, at) + (sealed[at] === 'A' ? 'B' : 'A') + sealed.slice(at + 1)
      await inner.set('key', changed, forever)
      await expect(storage.get('key')).rejects.toThrow('was changed')
    }
    await inner.set('key', '{"plain":true}', forever)
    await expect(storage.get('key')).rejects.toMatchObject({ code: 'invalid_configuration' })
  })

  test('outlive a change of keys as long as the old one is kept', async () => {
    const inner = memoryStorage()
    await encryptedStorage(inner, [oldKey]).set('key', 'value', forever)
    const both = encryptedStorage(inner, [newKey, oldKey])
    expect((await both.get('key'))?.value).toBe('value')
    await expect(encryptedStorage(inner, [newKey]).get('key')).rejects.toMatchObject({ code: 'invalid_configuration' })
    await both.set('key', 'value', forever)
    expect((await encryptedStorage(inner, [newKey]).get('key'))?.value).toBe('value')
  })

  test.each([[[]], [['']], [['short']], [[newKey, Buffer.alloc(31).toString('base64')]], [['not base64 at all!']]])(
    'refuses the keys %j',
    (keys) => {
      expect(() => encryptedStorage(memoryStorage(), keys)).toThrow(
        expect.objectContaining({ code: 'invalid_configuration' }),
      )
    },
  )

  test('keep the mark of a storage for one process', () => {
    const inner = { ...memoryStorage(), singleProcess: true as const }
    expect(encryptedStorage(inner, [newKey]).singleProcess).toBe(true)
    expect('singleProcess' in encryptedStorage(memoryStorage(), [newKey])).toBe(false)
  })
})
