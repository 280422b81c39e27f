import { memoryStorage } from '@mcp-gateway/core/storage'
import { testStorage } from '@mcp-gateway/core/testing'
import { describe, expect, test } from 'vitest'
import { sharedMemory } from '../../../../../test/servers/shared-memory.js'
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

  test.each(['1', '0', '', '00', '41', 'true', '{}', '""', 'null', '[]', '7.7', `${'A'.repeat(8)}.${'A'.repeat(40)}`])(
    'that were not sealed are refused: %j [finding 18]',
    async (forged) => {
      const inner = memoryStorage()
      const storage = encryptedStorage(inner, [newKey])
      await inner.set('consent:alice', forged, forever)
      await expect(storage.get('consent:alice')).rejects.toMatchObject({ code: 'invalid_configuration' })
      await expect(storage.take('consent:alice')).rejects.toMatchObject({ code: 'invalid_configuration' })
    },
  )

  test('are not counters, and a counter is not a value: the store has no digits under the key [finding 18]', async () => {
    const inner = memoryStorage()
    const storage = encryptedStorage(inner, [newKey])
    await inner.increment('consent:alice', forever)
    await expect(storage.get('consent:alice')).rejects.toMatchObject({ code: 'invalid_configuration' })

    await storage.increment('limit:bob', forever)
    expect(await inner.get('limit:bob')).toBeUndefined()
    expect((await storage.get('limit:bob'))?.value).toBe('1')
    expect(await storage.compareAndSet('limit:bob', (await storage.get('limit:bob'))?.version, 'x', forever)).toBe(
      false,
    )
  })

  test('cannot be stood for by the counter of another key, of another encryption key or of another purpose [finding 18]', async () => {
    const written: string[] = []
    const inner = memoryStorage()
    const spied = {
      ...inner,
      increment: (key: string, options: { ttl: number | null }) => {
        written.push(key)
        return inner.increment(key, options)
      },
    }
    const storage = encryptedStorage(spied, [newKey])
    await storage.increment('limit:bob', forever)
    await encryptedStorage(spied, [oldKey]).increment('consent:alice', forever)
    expect(new Set(written).size).toBe(2)
    expect(await storage.get('consent:alice')).toBeUndefined()
    // Whatever a sealed value is called in the store, it opens under its own key alone
    await storage.set('grant:alice', 'admin', forever)
    const sealed = (await inner.get('grant:alice'))?.value ?? ''
    await inner.set(written[0] as string, sealed, forever)
    await expect(storage.get('limit:bob')).rejects.toThrow('was changed')
  })

  test('cannot be sealed under the same secret by something else [finding 18]', async () => {
    const inner = memoryStorage()
    const storage = encryptedStorage(inner, [newKey])
    await storage.set('key', 'value', forever)
    const id = (await inner.get('key'))?.value.split('.')[0]
    const raw = await crypto.subtle.importKey('raw', Buffer.from(newKey, 'base64'), 'AES-GCM', false, ['encrypt'])
    const iv = new Uint8Array(12)
    const additionalData = new TextEncoder().encode('key')
    const bytes = await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData }, raw, Buffer.from('forged'))
    await inner.set('key', `${id}.${Buffer.concat([iv, Buffer.from(bytes)]).toString('base64url')}`, forever)
    await expect(storage.get('key')).rejects.toThrow('was changed')
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
    expect(encryptedStorage(memoryStorage(), [newKey]).singleProcess).toBe(true)
    expect('singleProcess' in encryptedStorage(sharedMemory(), [newKey])).toBe(false)
  })
})
