/** What the stand-in for a person does. */
export interface FollowLoginOptions {
  /** Sends each request; the global `fetch` by default. Pass `server.fetch` wrapped in `new Request` to stay in process. */
  readonly fetch?: (input: string, init: RequestInit) => Promise<Response>
  /**
   * Put into every text field that is found.
   *
   * @default alice
   */
  readonly userName?: string
  /**
   * Which button of the consent page is pressed.
   *
   * @default approve
   */
  readonly decision?: 'approve' | 'deny'
}

/**
 * Plays a person with a browser: opens an authorization URL, answers the forms it meets, follows a link back to the
 * client, keeps cookies by host, and stops where the browser would leave for the client. It runs no scripts. For tests.
 *
 * @param authorizationUrl what the client would open in a browser
 * @param redirectUri the client's redirect URI: whatever begins with it is returned and not fetched
 * @returns the URL at the client, with its `code` or `error`
 * @throws {Error} when a page has no form to answer, or after 20 steps
 * @example
 * ```ts
 * const callback: URL = await followLogin(authorizationUrl, 'http://127.0.0.1:4000/callback', { userName: 'bob' })
 * ```
 */
export async function followLogin(
  authorizationUrl: string | URL,
  redirectUri: string,
  { fetch = globalThis.fetch, userName = 'alice', decision = 'approve' }: FollowLoginOptions = {},
): Promise<URL> {
  const jars = new Map<string, Map<string, string>>()
  let url = String(authorizationUrl)
  let init: RequestInit = {}
  for (let step = 0; step < 20; step++) {
    const { host } = new URL(url)
    const jar = jars.get(host) ?? new Map<string, string>()
    jars.set(host, jar)
    const headers = new Headers(init.headers)
    if (jar.size > 0) headers.set('Cookie', [...jar].map(([name, value]) => `${name}=${value}`).join('; '))
    const response = await fetch(url, { ...init, headers, redirect: 'manual' })
    keepCookies(jar, response)
    const location = response.headers.get('location')
    if (location !== null) {
      await response.body?.cancel()
      const next = new URL(location, url)
      if (next.href.startsWith(redirectUri) || location.startsWith(redirectUri)) return next
      url = next.href
      init = {}
      continue
    }
    const page = await response.text()
    const form = readForm(page, userName, decision)
    const back = form ? undefined : linkTo(page, redirectUri)
    if (back) return back
    if (!form) throw new Error(`Nothing to answer on the page at ${url} (HTTP ${response.status}): ${text(page)}`)
    url = new URL(form.action, url).href
    init = { method: 'POST', body: form.fields }
  }
  throw new Error('The login did not end after 20 steps')
}

function keepCookies(jar: Map<string, string>, response: Response): void {
  for (const line of response.headers.getSetCookie()) {
    const [pair = ''] = line.split(';', 1)
    const at = pair.indexOf('=')
    const name = pair.slice(0, at)
    if (/;\s*max-age=0/i.test(line)) jar.delete(name)
    else jar.set(name, pair.slice(at + 1))
  }
}

function readForm(page: string, userName: string, decision: string) {
  const [, opening = '', inside] = /<form([^>]*)>([\s\S]*?)<\/form>/i.exec(page) ?? []
  if (inside === undefined) return undefined
  const fields = new URLSearchParams()
  for (const [input] of inside.matchAll(/<input[^>]*>/gi)) {
    const name = attribute(input, 'name')
    if (attribute(input, 'type') === 'checkbox') {
      if (name && /\schecked\b/.test(input)) fields.append(name, attribute(input, 'value') ?? 'on')
    } else if (name)
      fields.set(name, attribute(input, 'type') === 'hidden' ? (attribute(input, 'value') ?? '') : userName)
  }
  const buttons = [...inside.matchAll(/<button[^>]*>/gi)].map(([button]) => button)
  const button = buttons.find((each) => attribute(each, 'value') === decision) ?? buttons[0]
  const name = button && attribute(button, 'name')
  if (button && name) fields.set(name, attribute(button, 'value') ?? '')
  return { action: attribute(opening, 'action') ?? '', fields }
}

/** A link back to the client, on a page that tells why it ends here. */
function linkTo(page: string, redirectUri: string): URL | undefined {
  for (const [link] of page.matchAll(/<a\s[^>]*>/gi)) {
    const target = attribute(link, 'href')
    if (target?.startsWith(redirectUri)) return new URL(target)
  }
  return undefined
}

function attribute(tag: string, name: string): string | undefined {
  const value = new RegExp(`\\s${name}="([^"]*)"`, 'i').exec(tag)?.[1]
  return value
    ?.replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')
}

function text(page: string): string {
  return page
    .replaceAll(/<style[\s\S]*?<\/style>|<[^>]*>/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim()
    .slice(0, 300)
}
