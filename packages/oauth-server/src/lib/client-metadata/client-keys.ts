import { z } from 'zod'
import { isPublicHost } from './public-host.js'

const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

/** The public keys of a client. */
export interface ClientKeys {
  keys: { kty: 'EC' | 'RSA' | 'OKP'; [member: string]: unknown }[]
}

const maxKeys = 10
/** Keys of a set that is fetched are looked at up to here. */
const mostRead = 100

const keySchema = z
  .object({ kty: z.enum(['EC', 'RSA', 'OKP'], 'must be EC, RSA or OKP') })
  // Nothing nested: what is taken is written as JSON again
  .catchall(z.union([z.string(), z.boolean(), z.array(z.string())]))
  .refine(isPublic, 'must be a public key')
  .refine(isCheap, 'must be a key of at most 4096 bits, with an exponent of at most 32')

/** A JWK set that a client registers: public, asymmetric keys (RFC 7517 section 9.3 is what a private one would break). */
export const jwksSchema: z.ZodType<ClientKeys> = z.object({ keys: z.array(keySchema).min(1).max(maxKeys) })

/** What is needed of a public key (RFC 7517 section 4, RFC 7518 section 6, RFC 8037 section 2). */
const members = ['kty', 'kid', 'use', 'alg', 'key_ops', 'crv', 'x', 'y', 'n', 'e']

/**
 * The keys of a set that a client publishes, with the members that are needed and no other. Keys that are not understood
 * or out of range are left out (RFC 7517 section 5): whoever publishes new kinds of keys beside the old ones is not locked
 * out. A set with a private key in it has none, since everybody can sign with that.
 */
export function readClientKeys(set: unknown): ClientKeys {
  const keys = typeof set === 'object' && set !== null && 'keys' in set && Array.isArray(set.keys) ? set.keys : []
  const objects = keys.slice(0, mostRead).filter((key) => typeof key === 'object' && key !== null)
  if (!objects.every(isPublic)) return { keys: [] }
  const read = objects.flatMap((key) => {
    const parsed = keySchema.safeParse(
      Object.fromEntries(Object.entries(key).filter(([name]) => members.includes(name))),
    )
    return parsed.success ? [parsed.data] : []
  })
  return { keys: read.slice(0, maxKeys) }
}

function isPublic(key: object): boolean {
  return !privateMembers.some((name) => name in key)
}

/**
 * Whether a signature is checked in a fraction of a millisecond: with a large exponent it is many. What is too large here
 * is ignored where signatures are checked, so that nobody registers a key which never works.
 */
function isCheap(key: Record<string, unknown>): boolean {
  const longest: Record<string, number> = { n: 684, e: 6, x: 88, y: 88 }
  return Object.entries(longest).every(([name, length]) => {
    const value = key[name]
    return value === undefined || (typeof value === 'string' && value.length <= length)
  })
}

/** An address of such a set: https, and no address inside a network of ours. */
export const jwksUriSchema: z.ZodString = z
  .string()
  .max(2048)
  .refine(
    (uri) => /^https:\/\/[^\s"'<>\\@#]+$/.test(uri) && URL.canParse(uri) && isPublicHost(new URL(uri).hostname),
    'must be a public https URL',
  )
