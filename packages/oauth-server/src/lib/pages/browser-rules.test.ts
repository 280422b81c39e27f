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

  async function authorizationUrl(redirectUri: string, path = '/authorize'): Promise<string> {
    const id = await registerAt({ ...at, redirectUri })
    const query = authorizePath(id, pkce().challenge, { redirect_uri: redirectUri, resource: at.resource })
    return at.issuer + query.replace('/authorize', path)
  }

  async function signIn(page: Page): Promise<void> {
    await page.getByRole('button', { name: 'Allow' }).click()
    await page.getByLabel('User name').fill('alice')
    await page.getByRole('button', { name: 'Sign in' }).click()
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
    at.extraHeaders.set('cross-origin-opener-policy', () => 'same-origin')
    const { page } = await openPopup()
    expect(await isClosed(page)).toBe(true)
  })

  test('an error page in a popup leaves it open too', async () => {
    const { page, popup } = await openPopup()
    await popup.goto(`${at.issuer}/authorize?client_id=none`)
    expect(await isClosed(page)).toBe(false)
  })

  const violations = (page: Page, found: string[] = []): string[] => {
    page.on('console', (message) => {
      if (/content security policy/i.test(message.text())) found.push(message.text())
    })
    return found
  }

  /** Where a client's callback leads on to: another origin that nobody could know beforehand, and an app. */
  const onward: [string, (port: string) => string][] = [
    ['another origin', (port) => `http://127.0.0.1:${port}/done`],
    ['an app', () => 'com.example.app:/done'],
  ]

  /** The paths that the client was asked for. An app is not here, so of that only the way there is seen. */
  async function redirectingClient(target: (port: string) => string): Promise<{ url: string; asked: string[] }> {
    const asked: string[] = []
    client.answer = (request, response) => {
      asked.push(request.url?.split('?')[0] ?? '')
      if (request.url?.startsWith('/callback'))
        response.writeHead(302, { Location: target(new URL(client.url).port) }).end()
      else response.end('done')
    }
    return { url: await authorizationUrl(`${client.url}/callback`), asked }
  }

  const patience = { timeout: 10_000 }

  test.each(onward)('a callback may redirect on to %s, after the login and after consent alone', async (to, target) => {
    const { url, asked } = await redirectingClient(target)
    const last = to === 'an app' ? '/callback' : '/done'
    const first = await context.newPage()
    const blocked = violations(first)
    await first.goto(url)
    await signIn(first)
    await expect.poll(() => asked, patience).toContain(last)
    const second = await context.newPage()
    violations(second, blocked)
    const before = asked.length
    await second.goto(`${url}&prompt=consent`)
    await second.getByRole('button', { name: 'Allow' }).click()
    await expect.poll(() => asked.slice(before), patience).toContain(last)
    // A violation would be told by now
    await second.waitForTimeout(500)
    expect(blocked).toEqual([])
  })

  test.each(onward)('with form-action a callback that redirects on to %s makes the button dead', async (_, target) => {
    at.extraHeaders.set('content-security-policy', (before) => `${before}; form-action 'self' ${client.url}`)
    const { url, asked } = await redirectingClient(target)
    const page = await context.newPage()
    const blocked = violations(page)
    await page.goto(url)
    await signIn(page)
    await expect.poll(() => blocked.length, patience).toBeGreaterThan(0)
    expect(blocked.join()).toContain('form-action')
    expect(asked).not.toContain('/done')
    expect(page.url()).toContain(at.issuer)
  })

  test('what is left protects the form: no script, no frame, no other base, and no post from another site', async () => {
    const url = await authorizationUrl(`${client.url}/callback`)
    const page = await context.newPage()
    const response = await page.goto(url)
    expect(response?.headers()['content-security-policy']).toMatch(
      /default-src 'none'.*frame-ancestors 'none'.*base-uri 'none'/,
    )
    const handle = await page.locator('input[name=transaction]').getAttribute('value')
    const forged = `<form method="post" action="${at.issuer}/consent"><input name="transaction" value="${handle}">
<input name="decision" value="approve"><button>Win a prize</button></form><iframe src="${url}"></iframe>`
    client.answer = (_, answer) => answer.setHeader('Content-Type', 'text/html').end(forged)
    await page.goto(client.url)
    await page.getByRole('button', { name: 'Win a prize' }).click()
    await page.waitForURL(/\/consent$/)
    expect(await page.getByText('sent from another site').count()).toBe(1)
  })
})
