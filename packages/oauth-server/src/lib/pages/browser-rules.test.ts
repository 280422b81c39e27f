import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { hasBinary } from '../../../../../test/servers/binary.js'
import { launchBrowser } from '../../../test/browser.js'
import { authorizePath, pkce } from '../../../test/fixture.js'
import { type Listening, listen, registerAt } from '../../../test/listen.js'

describe.runIf(hasBinary('chromium'))('in a real browser', () => {
  let browser: Browser
  let at: Listening
  let context: BrowserContext
  let client: { url: string; answer: RequestListener; close: () => void }
  beforeAll(async () => {
    browser = await launchBrowser()
  })
  afterAll(() => browser?.close())
  beforeEach(async () => {
    at = await listen()
    context = await browser.newContext()
    // `localhost` and 127.0.0.1 are two sites, as client and authorization server mostly are
    const server = createServer((request, response) => client.answer(request, response))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const url = `http://localhost:${(server.address() as AddressInfo).port}`
    client = { url, answer: (_, response) => response.end(), close: () => server.close().closeAllConnections() }
  })
  afterEach(async () => {
    await context.close()
    await at.close()
    client.close()
  })

  /** Adds a header to what the authorization server answers, as it once did. */
  async function withHeader(name: string, value: (before: string) => string): Promise<void> {
    await context.route(`${at.issuer}/**`, async (route) => {
      const response = await route.fetch({ maxRedirects: 0 })
      const headers = response.headers()
      await route.fulfill({ response, headers: { ...headers, [name]: value(headers[name] ?? '') } })
    })
  }

  async function authorizationUrl(redirectUri: string, path = '/authorize'): Promise<string> {
    const id = await registerAt({ ...at, redirectUri })
    const query = authorizePath(id, pkce().challenge, { redirect_uri: redirectUri, resource: at.resource })
    return at.issuer + query.replace('/authorize', path)
  }

  /** A client in a browser: it opens the authorization page in a popup, whose callback hands the address over. */
  async function openPopup(): Promise<{ page: Page; popup: Page }> {
    const url = await authorizationUrl(`${client.url}/callback`)
    const opens = `onmessage = (event) => { document.title = event.data }; const popup = open(${JSON.stringify(url)})`
    client.answer = (request, response) => {
      const isCallback = request.url?.startsWith('/callback')
      const script = isCallback
        ? 'opener.postMessage(location.search, "*")'
        : `onclick = () => { ${opens}; globalThis.popup = popup }`
      response
        .setHeader('Content-Type', 'text/html')
        .end(`<title>waiting</title><p>A client</p><script>${script}</script>`)
    }
    const page = await context.newPage()
    await page.goto(client.url)
    const [popup] = await Promise.all([page.waitForEvent('popup'), page.locator('p').click()])
    await popup.getByRole('button', { name: 'Allow' }).waitFor()
    return { page, popup }
  }

  const isClosed = (page: Page) => page.evaluate('popup.closed')

  test('a client that opens a popup sees it open, and gets its code from it', async () => {
    const { page, popup } = await openPopup()
    expect(await isClosed(page)).toBe(false)
    await popup.getByRole('button', { name: 'Allow' }).click()
    await popup.getByLabel('User name').waitFor()
    expect(await isClosed(page)).toBe(false)
    await popup.getByLabel('User name').fill('alice')
    await popup.getByRole('button', { name: 'Sign in' }).click()
    await page.waitForFunction('document.title.includes("code=")', undefined, { timeout: 5000 })
  })

  test('with Cross-Origin-Opener-Policy the same popup counts as closed at once', async () => {
    await withHeader('cross-origin-opener-policy', () => 'same-origin')
    const { page } = await openPopup()
    expect(await isClosed(page)).toBe(true)
  })

  test('an error page in a popup leaves it open too', async () => {
    const { page, popup } = await openPopup()
    await popup.goto(`${at.issuer}/authorize?client_id=none`)
    expect(await isClosed(page)).toBe(false)
  })
})
