import { isPublicAddress } from '@mcp-gateway/core/internal'
import { z } from 'zod'

const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

/** The public keys of a client. */
export interface ClientKeys {
  keys: { kty: 'EC' | 'RSA' | 'OKP'; [member: string]: unknown }[]
}

/** A JWK set of a client: public, asymmetric keys (RFC 7517 section 9.3 is what a private one would break). */
export const jwksSchema: z.ZodType<ClientKeys> = z.object({
  keys: z
    .array(
      z
        .object({ kty: z.enum(['EC', 'RSA', 'OKP'], 'must be EC, RSA or OKP') })
        // Nothing nested: what is taken is written as JSON again
        .catchall(z.union([z.string(), z.boolean(), z.array(z.string())]))
        .refine((key) => !privateMembers.some((name) => name in key), 'must be a public key')
        .refine(isCheap, 'must be a key of at most 8192 bits, with an exponent of at most 32'),
    )
    .min(1)
    .max(10),
})

/** Whether a signature is checked in a fraction of a millisecond: with a large exponent it is many. */
function isCheap(key: Record<string, unknown>): boolean {
  const longest: Record<string, number> = { n: 1366, e: 6, x: 88, y: 88 }
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

function isPublicHost(host: string): boolean {
  const literal = /^\[(.*)\]$/.exec(host)?.[1] ?? (/^[\d.]+$/.test(host) ? host : undefined)
  return literal === undefined ? host.includes('.') && !host.endsWith('.localhost') : isPublicAddress(literal)
}
