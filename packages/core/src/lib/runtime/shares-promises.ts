/**
 * Says whether one request may wait for what another one began. On Cloudflare Workers it may not: work ends with the
 * request that began it, and whoever else waits for it then waits for ever.
 */
export function sharesPromises(): boolean {
  return typeof navigator === 'undefined' || navigator.userAgent !== 'Cloudflare-Workers'
}
