/**
 * Adds headers to a response: in place where that is possible, else on a copy that shares the body (the headers of a
 * fetched response cannot be changed). `Vary` is added to, every other header replaced.
 */
export function withHeaders(response: Response, headers: Readonly<Record<string, string>>): Response {
  try {
    for (const [name, value] of Object.entries(headers)) set(response.headers, name, value)
    return response
  } catch {
    const copy = new Headers(response.headers)
    for (const [name, value] of Object.entries(headers)) set(copy, name, value)
    return new Response(response.body, { status: response.status, statusText: response.statusText, headers: copy })
  }
}

function set(headers: Headers, name: string, value: string): void {
  if (name !== 'Vary') {
    headers.set(name, value)
    return
  }
  const vary = headers.get('vary')
  if (vary === null) headers.set(name, value)
  else if (
    !vary
      .toLowerCase()
      .split(/\s*,\s*/)
      .includes(value.toLowerCase())
  )
    headers.append(name, value)
}
