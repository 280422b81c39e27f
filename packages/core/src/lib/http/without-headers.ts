/**
 * Removes headers from a request: in place where that is possible, else on a copy that takes over the body (some hosts hand
 * over requests that cannot be changed).
 */
export function withoutHeaders(request: Request, names: readonly string[]): Request {
  const present = names.filter((name) => request.headers.has(name))
  if (present.length === 0) return request
  try {
    for (const name of present) request.headers.delete(name)
    if (!present.some((name) => request.headers.has(name))) return request
  } catch {}
  const headers = new Headers(request.headers)
  for (const name of present) headers.delete(name)
  return new Request(request, { headers })
}
