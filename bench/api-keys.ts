import { createApiKeys, createApiKeyVerifier } from '@mcp-gateway/core/api-keys'
import { memoryStorage } from '@mcp-gateway/core/storage'
import { keyFormat } from '../packages/core/src/lib/api-keys/key-format.js'
import { compare } from './harness.js'

const resource = 'https://mcp.example.com/notes/mcp'
const issuer = 'https://login.example.com'
const storage = memoryStorage()
const ownerRights = () => ({ scopes: ['notes:read'], roles: ['editor'] })
const keys = createApiKeys({ storage, ownerRights })
const peppered = createApiKeys({
  storage,
  prefix: 'peppered',
  ownerRights,
  peppers: [{ version: '1', secret: 'a pepper of more than thirty-two characters' }],
})
const owner = { issuer, subject: 'alice' }
const settings = { owner, name: 'bench', scopes: ['notes:read'], servers: [resource], addresses: ['192.0.2.0/24'] }
const { key, apiKey } = await keys.create(settings)
const { key: withPepper } = await peppered.create(settings)
const cached = createApiKeyVerifier(keys, { resource })
const uncached = createApiKeyVerifier(keys, { resource, maxAge: 0 })
const uncachedPeppered = createApiKeyVerifier(peppered, { resource, maxAge: 0 })
const use = { address: '192.0.2.1' }
const refused = async (work: Promise<unknown>): Promise<void> => {
  try {
    await work
  } catch {}
}
const mistyped = `${key.slice(0, -1)}${key.endsWith('0') ? '1' : '0'}`
const opaque = 'an-opaque-token-of-somebody-else'

await compare(
  'API keys: verification',
  {
    'nothing: a promise': async () => {},
    'mistyped: wrong checksum': () => refused(cached.verifyAccessToken(mistyped, undefined, use)),
    'no key at all': () => refused(cached.verifyAccessToken(opaque, undefined, use)),
    cached: () => cached.verifyAccessToken(key, undefined, use),
    'one read of memory': () => storage.get(`apikeys:mcpg:key:${apiKey.id}`),
    'uncached, memory': () => uncached.verifyAccessToken(key, undefined, use),
    'uncached, memory, with a pepper': () => uncachedPeppered.verifyAccessToken(withPepper, undefined, use),
  },
  { operations: 20_000 },
)

// Whether a stranger can tell by the clock that there is a key of an id.
const unknown = Array.from({ length: 200 }, () => keyFormat('mcpg').make().key)
const wrong = Array.from({ length: 200 }, () => keyFormat('mcpg').make(apiKey.id).key)
let turn = 0
const next = (of: readonly string[]) => of[turn++ % of.length] as string
await compare(
  'API keys: refusals, 10,000 tries each',
  {
    'unknown id': () => refused(uncached.verifyAccessToken(next(unknown), undefined, use)),
    'known id, wrong secret': () => refused(uncached.verifyAccessToken(next(wrong), undefined, use)),
  },
  { operations: 10_000 },
)

const get = storage.get
let reads = 0
const counting = createApiKeyVerifier(
  createApiKeys({
    storage: {
      ...storage,
      get: (name) => {
        reads++
        return get(name)
      },
    },
  }),
)
const started = performance.now()
for (let index = 0; index < 100_000; index++) {
  await refused(counting.verifyAccessToken(`mcpg_${index.toString(36).padStart(12, 'a')}_${key.slice(18)}`))
}
const each = ((performance.now() - started) * 1000) / 100_000
console.log(`\n100,000 random keys: ${reads} reads of the storage, ${each.toFixed(2)} µs each`)
