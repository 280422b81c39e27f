/** The path of a request's URL, which the `Request` has normalised, without the cost of a `URL` object. */
export function requestPath(url: string): string {
  const start = url.indexOf('/', url.indexOf('://') + 3)
  if (start === -1) return '/'
  const query = url.indexOf('?', start)
  const fragment = url.indexOf('#', start)
  if (query === -1 && fragment === -1) return url.slice(start)
  return url.slice(start, Math.min(query === -1 ? url.length : query, fragment === -1 ? url.length : fragment))
}
