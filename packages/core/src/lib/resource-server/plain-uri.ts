/**
 * The URI as a server may read it that parses it: scheme and host in lower case, without dot segments and fragment, with
 * escapes of letters and digits undone. Two URIs with the same result may name one resource. A text that is no absolute
 * URI stays as it is.
 *
 * @see RFC 3986 section 6.2.2
 */
export function plainUri(uri: string): string {
  const once = parsed(uri)
  // What was escaped may have been a dot segment
  const unescaped = once.replace(/%(?:2[de]|3[0-9]|[46][1-9a-f]|[57][0-9a]|5f|7e)/gi, (text) =>
    decodeURIComponent(text),
  )
  return unescaped === once ? once : parsed(unescaped)
}

function parsed(uri: string): string {
  try {
    const url = new URL(uri)
    url.hash = ''
    return url.href
  } catch {
    return uri
  }
}
