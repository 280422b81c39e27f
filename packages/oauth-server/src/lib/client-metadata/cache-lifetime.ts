const floor = 300
/** The longest time for which a document is used without asking again, in seconds. */
export const longestCacheLifetime = 86_400

/** How long a document may be used without asking again, in seconds (RFC 9111 section 4.2.1): 5 minutes to a day. */
export function cacheLifetime(headers: Headers): number {
  const control = (headers.get('cache-control') ?? '').toLowerCase()
  if (/\bno-(store|cache)\b/.test(control)) return floor
  const age = /\bmax-age=(\d{1,9})/.exec(control)?.[1]
  return Math.min(longestCacheLifetime, Math.max(floor, age === undefined ? 3600 : Number(age)))
}
