import { execFileSync } from 'node:child_process'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasBinary } from '../../../../../test/servers/binary.js'
import { authorizePath, pkce } from '../../../test/fixture.js'
import { githubClient, startGithubServer } from '../../../test/github-server.js'
import { type Listening, listen } from '../../../test/listen.js'
import { github } from '../login/github.js'

const themes: [string, BrowserContextOptions][] = [
  ['light', { colorScheme: 'light', viewport: { width: 1000, height: 800 } }],
  ['dark', { colorScheme: 'dark', viewport: { width: 1000, height: 800 } }],
  ['a phone', { colorScheme: 'light', viewport: { width: 320, height: 640 } }],
]

async function registerAt({ issuer, redirectUri }: Listening): Promise<string> {
  const response = await fetch(`${issuer}/register`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      client_name: 'A client',
      redirect_uris: [redirectUri],
      token_endpoint_auth_method: 'none',
    }),
  })
  return ((await response.json()) as { client_id: string }).client_id
}

describe.runIf(hasBinary('chromium'))('in a real browser without scripts', () => {
  let at: Listening
  let browser: Browser
  let path: string
  beforeAll(async () => {
    const executablePath = execFileSync('sh', ['-c', 'command -v chromium'], { encoding: 'utf8' }).trim()
    at = await listen()
    browser = await chromium.launch({
      executablePath,
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
    })
    const client_id = await registerAt(at)
    path =
      at.issuer + authorizePath(client_id, pkce().challenge, { redirect_uri: at.redirectUri, resource: at.resource })
  })
  afterAll(async () => {
    await browser?.close()
    await at?.close()
  })

  /** Contrast of every text with what is behind it (WCAG 2.2 section 1.4.3), from the computed colours. */
  async function lowestContrast(page: Page): Promise<number> {
    const pairs = await page.$$eval('h1, h2, p, li, dt, dd, label, button', (elements) =>
      elements.map((element) => {
        let ground = 'rgba(0, 0, 0, 0)'
        for (let each: Element | null = element; each && /, 0\)$/.test(ground); each = each.parentElement) {
          ground = getComputedStyle(each).backgroundColor
        }
        return [getComputedStyle(element).color, ground] as const
      }),
    )
    const luminance = (colour: string): number => {
      const [red = 0, green = 0, blue = 0] = (colour.match(/\d+/g) ?? []).slice(0, 3).map((part) => {
        const value = Number(part) / 255
        return value <= 0.040_45 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
      })
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
    return Math.min(
      ...pairs.map(([ink, ground]) => {
        const [light = 0, dark = 0] = [luminance(ink), luminance(ground)].sort((a, b) => b - a)
        return (light + 0.05) / (dark + 0.05)
      }),
    )
  }

  test.each(themes)(
    'a person gets through with the keyboard alone, in %s [attack 108, attack 119]',
    async (_, options) => {
      const context = await browser.newContext({ ...options, javaScriptEnabled: false })
      const page = await context.newPage()
      const violations: string[] = []
      page.on('console', (message) => {
        if (/content security policy/i.test(message.text())) violations.push(message.text())
      })
      const looksRight = async (): Promise<void> => {
        expect(await lowestContrast(page)).toBeGreaterThanOrEqual(4.5)
        const overflow = await page.evaluate(() => {
          const { scrollWidth, clientWidth } = document.documentElement
          return scrollWidth - clientWidth
        })
        expect(overflow).toBe(0)
        expect(await page.title()).not.toBe('')
        expect(await page.locator('main h1').count()).toBe(1)
      }
      await page.goto(path)
      await looksRight()
      await page.keyboard.press('Tab')
      expect(await page.locator(':focus').textContent()).toBe('Allow')
      await page.keyboard.press('Enter')
      await page.waitForURL(/\/login\?/)
      await looksRight()
      expect(await page.getByLabel('User name').evaluate((input) => input === document.activeElement)).toBe(true)
      await page.keyboard.type('<alice>')
      await page.keyboard.press('Enter')
      await page.getByRole('alert').waitFor()
      await looksRight()
      await page.keyboard.type('alice')
      await page.keyboard.press('Enter')
      await page.waitForURL(/\/client\/callback\?code=/)

      await page.goto(path)
      expect(await page.getByText('alice').count()).toBe(1)
      await looksRight()
      await page.getByRole('button', { name: 'Use another account' }).click()
      await page.waitForURL(/\/login\?/)
      await page.goto(path)
      await page.getByRole('button', { name: 'Cancel' }).click()
      await page.waitForURL(/\/client\/callback\?error=access_denied/)
      expect(violations).toEqual([])
      await context.close()
    },
  )

  test('a person gets to the site of the identity provider and back to the client [attack 101]', async () => {
    const site = await startGithubServer({ id: 1, login: 'alice' })
    const away = await listen({ identityProvider: github({ ...githubClient, baseUrl: site.url }) })
    const context = await browser.newContext({ javaScriptEnabled: false })
    try {
      const { issuer, redirectUri, resource } = away
      const page = await context.newPage()
      await page.goto(
        issuer + authorizePath(await registerAt(away), pkce().challenge, { redirect_uri: redirectUri, resource }),
      )
      await page.getByRole('button', { name: 'Allow' }).click()
      await page.waitForURL(/\/client\/callback\?code=/, { timeout: 5000 })
    } finally {
      await context.close()
      await away.close()
      await site.close()
    }
  })

  test('a double click ends at the client [attack 118]', async () => {
    const context = await browser.newContext({ javaScriptEnabled: false })
    const page = await context.newPage()
    await page.goto(path)
    await page.getByRole('button', { name: 'Allow' }).dblclick()
    await page.waitForURL(/\/login\?/)
    await page.getByLabel('User name').fill('alice')
    await page.getByRole('button', { name: 'Sign in' }).dblclick()
    await page.waitForURL(/\/client\/callback\?code=/)
    await context.close()
  })

  test('no other site can frame a page or post its form [attack 102, attack 108]', async () => {
    const context = await browser.newContext()
    const page = await context.newPage()
    await page.goto(path)
    const handle = await page.locator('input[name=transaction]').inputValue()
    await page.route('https://evil.example.com/**', (route) =>
      route.fulfill({
        contentType: 'text/html',
        body: `<iframe src="${path}"></iframe><form method="post" action="${at.issuer}/consent"><input name="transaction" value="${handle}"><input name="decision" value="approve"><button>Win</button></form>`,
      }),
    )
    await page.goto('https://evil.example.com/')
    const frame = page.frames().find((each) => each !== page.mainFrame())
    expect(await frame?.locator('form').count()).toBe(0)
    await page.getByRole('button', { name: 'Win' }).click()
    await page.getByText('This did not work').waitFor()
    await context.close()
  })
})
