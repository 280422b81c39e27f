/** A page, or what was answered instead of one. */
export interface Page {
  readonly url: string
  readonly status: number
  readonly text: string
}

/**
 * A person's browser for tests: keeps cookies by host, follows redirects, and answers the forms of oidc-provider with
 * the account that the person has there. It runs no scripts.
 */
export class Browser {
  readonly jars = new Map<string, Map<string, string>>()
  readonly #inProcess: (request: Request) => Promise<Response> | undefined
  readonly #accounts: Readonly<Record<string, string>>
  /** Every address it was at. */
  readonly visited: string[] = []
  /** Stops before the first address with this in it, and answers with its page empty. */
  stopAt: string | undefined

  /**
   * @param inProcess answers requests to hosts that no server listens for
   * @param accounts the login name at each origin
   */
  constructor(
    inProcess: (request: Request) => Promise<Response> | undefined,
    accounts: Readonly<Record<string, string>>,
  ) {
    this.#inProcess = inProcess
    this.#accounts = accounts
  }

  open(url: string): Promise<Page> {
    return this.#go(url, {})
  }

  /** Presses the button of the page's only form. */
  submit(page: Page, headers: Record<string, string> = {}): Promise<Page> {
    const action = /<form[^>]*action="([^"]*)"/.exec(page.text)?.[1]
    if (action === undefined) throw new Error(`No form on ${page.url}: ${page.text}`)
    const { origin } = new URL(page.url)
    return this.#go(action, {
      method: 'POST',
      headers: { Origin: origin, 'Sec-Fetch-Site': 'same-origin', ...headers },
    })
  }

  async #go(first: string, begin: RequestInit): Promise<Page> {
    let url = first
    let init = begin
    for (let step = 0; step < 30; step++) {
      if (this.stopAt !== undefined && url.includes(this.stopAt)) return { url, status: 0, text: '' }
      this.visited.push(url)
      const { host, origin } = new URL(url)
      const jar = this.jars.get(host) ?? new Map<string, string>()
      this.jars.set(host, jar)
      const headers = new Headers(init.headers)
      if (jar.size > 0) headers.set('Cookie', [...jar].map(([name, value]) => `${name}=${value}`).join('; '))
      const request = new Request(url, { ...init, headers, redirect: 'manual' })
      const response = await (this.#inProcess(request) ?? fetch(request))
      for (const line of response.headers.getSetCookie()) {
        const [pair = ''] = line.split(';', 1)
        const at = pair.indexOf('=')
        if (/expires=Thu, 01 Jan 1970/i.test(line)) jar.delete(pair.slice(0, at))
        else jar.set(pair.slice(0, at), pair.slice(at + 1))
      }
      const location = response.headers.get('location')
      if (location !== null) {
        await response.body?.cancel()
        url = new URL(location, url).href
        init = {}
        continue
      }
      const text = await response.text()
      const prompt = /name="prompt" value="(\w+)"/.exec(text)?.[1]
      const account = this.#accounts[origin]
      const action = /<form[^>]*action="([^"]*)"/.exec(text)?.[1]
      if (prompt === undefined || account === undefined || action === undefined) {
        return { url, status: response.status, text }
      }
      url = new URL(action, url).href
      init = { method: 'POST', body: new URLSearchParams({ prompt, login: account, password: 'x' }) }
    }
    throw new Error(`No end of redirects at ${url}`)
  }
}
