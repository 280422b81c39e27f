/**
 * FNV-1a with 32 bits: tells names apart where nobody gains from two that share a hash. It keeps nothing secret; what stands
 * for a person or a secret needs a key, as `hmacSha256` has one.
 *
 * @param seed changes what the names of others hash to
 */
export function fnv1a(text: string, seed = 0): number {
  let hash = 0x811c9dc5 ^ seed
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return hash >>> 0
}
