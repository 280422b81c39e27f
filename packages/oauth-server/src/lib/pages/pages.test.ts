import type { Browser, BrowserContextOptions } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { lowestContrast } from '../../../../../test/pages/look.js'
import { hasBinary } from '../../../../../test/servers/binary.js'
import { launchBrowser } from '../../../test/browser.js'
import { authorizePath, pkce } from '../../../test/fixture.js'
import { githubClient, startGithubServer } from '../../../test/github-server.js'
import { type Listening, listen, registerAt } from '../../../test/listen.js'
import { github } from '../identity-providers/github.js'
import type { IdentityProvider } from '../server/identity-provider.js'

const themes: [string, BrowserContextOptions][] = [
  ['light', { colorScheme: 'light', viewport: { width: 1000, height: 800 } }],
  ['dark', { colorScheme: 'dark', viewport: { width: 1000, height: 800 } }],
  ['a phone', { colorScheme: 'light', viewport: { width: 320, height: 640 } }],
]

/** Names that draw far beyond their line, as far as registration lets them in. */
const hostileNames: [string, string][] = [
  ['marks above and below', `Claude${'\u0300\u0316\u0323\u0301'.repeat(48)}`],
  ['a letter each with marks', 'Z\u0300\u0316\u0334\u0489\u0321'.repeat(33)],
  ['marks that enclose', `Claude${'\u20dd\u20de\u20e0\u0489'.repeat(40)}`],
  ['marks on the words before', `${'\u0300\u0323'.repeat(90)}Claude`],
  ['very wide letters', '\ufdfd'.repeat(200)],
  ['very tall signs', '\ua9c5\ua9c1\ua9c2\u{12031}'.repeat(40)],
  ['letters under each other', `\u1780${'\u17d2\u1780'.repeat(90)}`],
  ['parts of Hangul', '\u1100\u1161\u11a8'.repeat(60)],
  ['right-to-left letters', 'אבגדה '.repeat(33)],
  ['one long word', 'W'.repeat(200)],
  [
    'words like those of the page',
    'Claude to connect? Verified by the operator. You can press Allow without worries. '.repeat(2),
  ],
]

describe.runIf(hasBinary('chromium'))('in a real browser without scripts', () => {
  let at: Listening
  let browser: Browser
  let path: string
  beforeAll(async () => {
    at = await listen()
    browser = await launchBrowser()
    const client_id = await registerAt(at)
    path =
      at.issuer + authorizePath(client_id, pkce().challenge, { redirect_uri: at.redirectUri, resource: at.resource })
  })
  afterAll(async () => {
    await browser?.close()
    await at?.close()
  })

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

  test.each([themes[0], themes[2]] as typeof themes)(
    'no name draws over the warning, the buttons or the page around it, in %s [finding 24]',
    async (_, options) => {
      let username = 'alice'
      const own: IdentityProvider = {
        name: 'own',
        title: 'us',
        begin: async () => ({ form: [{ name: 'username', label: 'User name' }], submit: 'Sign in' }),
        complete: async () => ({ user: { id: 'alice', username } }),
      }
      const shown = await listen({ identityProvider: own })
      const context = await browser.newContext({ ...options, javaScriptEnabled: false })
      try {
        const page = await context.newPage()
        const parts = ['.warning', 'ul', 'p:first-of-type'] as const
        const look = async (name: string): Promise<{ parts: Buffer[]; top: number }> => {
          const { issuer, redirectUri, resource } = shown
          const client = await registerAt(shown, name)
          const url = issuer + authorizePath(client, pkce().challenge, { redirect_uri: redirectUri, resource })
          await context.clearCookies()
          await page.goto(url)
          await page.getByRole('button', { name: 'Allow' }).click()
          await page.getByLabel('User name').fill('x')
          await page.getByRole('button', { name: 'Sign in' }).click()
          await page.waitForURL(/\/client\/callback\?code=/)
          await page.goto(url)
          const pictures: Buffer[] = []
          for (const part of parts)
            pictures.push(await page.locator(`main > ${part}, dl > ${part}, form > ${part}`).first().screenshot())
          const box = await page.getByRole('button', { name: 'Allow' }).boundingBox()
          const beyond = await page.evaluate(() => {
            const { scrollWidth, clientWidth } = document.documentElement
            return scrollWidth - clientWidth
          })
          expect(beyond).toBe(0)
          // Each name is in a box that clips, and no box reaches what must be seen
          const boxes = await page.$$eval('.foreign', (elements) =>
            elements.map((element) => {
              const { contain, overflowX, overflowY, unicodeBidi } = getComputedStyle(element)
              const styles = [contain, overflowX, overflowY, unicodeBidi].join()
              const own = element.getBoundingClientRect()
              const reached = [...document.querySelectorAll('.warning, button, ul, dt')].filter((other) => {
                const { left, right, top, bottom } = other.getBoundingClientRect()
                return own.left < right && own.right > left && own.top < bottom && own.bottom > top
              })
              return `${styles} ${reached.length}`
            }),
          )
          expect(boxes).toEqual(Array(2).fill('paint,clip,clip,isolate 0'))
          for (const button of await page.getByRole('button').all()) await button.click({ trial: true })
          if (process.env.SCREENSHOTS)
            await page.screenshot({
              path: `${process.env.SCREENSHOTS}/${_}-${hostileNames.findIndex(([, each]) => each === name)}.png`,
              fullPage: true,
            })
          return { parts: pictures, top: box?.y ?? 0 }
        }
        const plain = await look('A client')
        for (const [what, name] of hostileNames) {
          username = name
          const { parts: pictures, top } = await look(name)
          for (const [index, part] of parts.entries()) {
            expect.soft(pictures[index]?.equals(plain.parts[index] as Buffer), `${part} under ${what}`).toBe(true)
          }
          expect.soft(top - plain.top, `the buttons under ${what}`).toBeLessThan(120)
        }
      } finally {
        await context.close()
        await shown.close()
      }
    },
    60_000,
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
    // The second click replaces the navigation of the first, which a wait for one navigation would take for a failure
    await expect.poll(() => page.url(), { timeout: 20_000 }).toMatch(/\/login\?/)
    await page.getByLabel('User name').fill('alice')
    await page.getByRole('button', { name: 'Sign in' }).dblclick()
    await expect.poll(() => page.url(), { timeout: 20_000 }).toMatch(/\/client\/callback\?code=/)
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
