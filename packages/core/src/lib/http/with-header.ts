/**
 * Sets a header of a response: in place where that is possible, else on a copy that shares the body (the headers of a
 * fetched response cannot be changed).
 */
export function withHeader(response: Response, name: string, value: string): Response {
  try {
    response.headers.set(name, value)
    return response
  } catch {
    const copy = changeable(response)
    copy.headers.set(name, value)
    return copy
  }
}

/** The response, or a copy that shares its body, with headers that can be changed. */
export function changeable(response: Response): Response {
  const { status, statusText, headers } = response
  return new Response(response.body, { status, statusText, headers: new Headers(headers) })
}
