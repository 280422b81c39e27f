import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { launchBrowser } from '../../packages/oauth-server/test/browser.js'
import { hasBinary } from '../servers/binary.js'
import { axeFindings, beyondWidth, lowestContrast } from './look.js'
import { type Shown, showPages } from './pages.js'

const themes: [string, BrowserContextOptions][] = [
  ['light on a desktop', { colorScheme: 'light', viewport: { width: 1000, height: 800 } }],
  ['dark on a desktop', { colorScheme: 'dark', viewport: { width: 1000, height: 800 } }],
  ['light on a phone', { colorScheme: 'light', viewport: { width: 320, height: 640 } }],
  ['dark on a phone', { colorScheme: 'dark', viewport: { width: 320, height: 640 } }],
]

/** Accents that somebody could choose, among them those that no text can be written in. */
const accents = [
  '#a30',
  '#000',
  '#fff',
  '#ff0',
  '#0f0',
  '#00f',
  '#767676',
  'hotpink',
  'rgb(255 255 255 / .1)',
  'hsl(200 100% 60%)',
  'color(display-p3 0 1 0)',
  'oklch(0.9 0.3 100)',
]

const everyPage = [
  'consent',
  'sign-in',
  'sign-in again',
  'consent of somebody known',
  'code to copy',
  'refusal',
  'fault',
  'answer without its page',
  'vault',
  'account',
  'connected account',
  'refusal of the vault',
] as const

/** Goes through every page there is, as a person would. */
async function walk(
  shown: Shown,
  page: Page,
  look: (name: (typeof everyPage)[number]) => Promise<void>,
): Promise<void> {
  const press = (name: string | RegExp) => page.getByRole('button', { name }).click()
  await page.goto(shown.authorize({ scope: 'notes notes:share offline_access' }))
  await look('consent')
  await press('Allow')
  await page.getByLabel('User name').waitFor()
  await look('sign-in')
  await page.getByLabel('User name').fill('<alice>')
  await press('Sign in')
  await page.getByRole('alert').waitFor()
  await look('sign-in again')
  await page.getByLabel('User name').fill('alice')
  await press('Sign in')
  await page.waitForURL(/\/client\/callback\?code=/)
  await page.goto(shown.authorize({ scope: 'notes notes:share offline_access' }))
  await look('consent of somebody known')
  await page.goto(shown.authorize({ redirect_uri: 'urn:ietf:wg:oauth:2.0:oob' }))
  await press('Allow')
  await page.waitForURL(/\/success/)
  await look('code to copy')
  await page.goto(`${shown.url}/authorize?client_id=unknown`)
  await look('refusal')
  await page.goto(shown.authorize({ response_type: 'token' }))
  await look('fault')
  await page.goto(`${shown.url}/consent`)
  await look('answer without its page')
  await page.goto(`${shown.url}/connect`)
  await press('Allow')
  await page.waitForURL(/\/connect$/)
  await look('vault')
  await page.getByRole('link', { name: 'Acme Wiki' }).click()
  await look('account')
  await press('Connect')
  await press('Allow')
  await page.waitForURL(/\/connect\/wiki$/)
  await look('connected account')
  await page.goto(`${shown.url}/connect/wiki/callback?state=x`)
  await look('refusal of the vault')
}

describe.runIf(hasBinary('chromium'))('every page in a real browser', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launchBrowser()
  })
  afterAll(() => browser?.close())

  test.each(themes)(
    'has nothing that axe-core finds, fits, loads nothing, and says what it is, %s',
    async (name, options) => {
      const shown = await showPages({ name: 'Acme', contact: 'mailto:help@acme.example' })
      const context = await browser.newContext(options)
      const page = await context.newPage()
      const requests: string[] = []
      page.on('request', (request) => requests.push(`${request.resourceType()} ${request.url()}`))
      const violations: string[] = []
      page.on('console', (message) => {
        if (/content security policy/i.test(message.text())) violations.push(message.text())
      })
      const seen: string[] = []
      try {
        await walk(shown, page, async (what) => {
          seen.push(what)
          if (process.env.SCREENSHOTS)
            await page.screenshot({
              path: `${process.env.SCREENSHOTS}/${what} ${name}.png`.replaceAll(' ', '-'),
              fullPage: true,
            })
          expect.soft([what, await axeFindings(page)]).toEqual([what, []])
          expect.soft([what, await beyondWidth(page)]).toEqual([what, 0])
          expect.soft(await lowestContrast(page)).toBeGreaterThanOrEqual(4.5)
          expect.soft(await page.locator('main h1').count()).toBe(1)
          expect.soft(await page.title()).not.toBe('')
          expect.soft(await page.getByText('Acme', { exact: true }).count()).toBeGreaterThan(0)
          expect.soft(await page.locator('link[rel=icon]').getAttribute('href')).toMatch(/^data:image\/svg/)
        })
        expect(seen).toEqual(everyPage)
        expect(violations).toEqual([])
        expect(requests.filter((each) => !/^document|data:/.test(each))).toEqual([])
      } finally {
        await context.close()
        shown.close()
      }
    },
    90_000,
  )

  test.each(['light', 'dark'] as const)(
    'keeps a contrast of 4.5:1 for any accent colour, in the %s theme',
    async (colorScheme) => {
      const context = await browser.newContext({ colorScheme })
      try {
        for (const accent of accents) {
          const shown = await showPages({ styles: `:root { --accent: ${accent} }` })
          const page = await context.newPage()
          try {
            for (const path of [shown.authorize(), shown.authorize({ response_type: 'token' })]) {
              await page.goto(path)
              const what = await page.title()
              const contrast = await lowestContrast(page)
              expect.soft(contrast, `${what} in ${accent}`).toBeGreaterThanOrEqual(4.5)
            }
            if (process.env.SCREENSHOTS)
              await page.screenshot({
                path: `${process.env.SCREENSHOTS}/accent-${accents.indexOf(accent)}-${colorScheme}.png`,
              })
          } finally {
            await page.close()
            await context.clearCookies()
            shown.close()
          }
        }
      } finally {
        await context.close()
      }
    },
    180_000,
  )

  test('a person unticks a scope, goes on and goes back with the keyboard alone', async () => {
    const shown = await showPages()
    const context = await browser.newContext({ javaScriptEnabled: false })
    try {
      const page = await context.newPage()
      const focused = () => page.evaluate(() => document.activeElement?.closest('label, button')?.textContent?.trim())
      await page.goto(shown.authorize({ scope: 'notes notes:share offline_access' }))
      const order: unknown[] = []
      for (let step = 0; step < 4; step++) {
        await page.keyboard.press('Tab')
        order.push(await focused())
        if (step === 1) await page.keyboard.press('Space')
      }
      expect(order).toEqual(['Share notes with other people', 'Stay connected while you are away', 'Allow', 'Cancel'])
      expect(await page.getByLabel('Stay connected while you are away').isChecked()).toBe(false)
      await page.keyboard.press('Shift+Tab')
      await page.keyboard.press('Enter')
      await page.getByLabel('User name').waitFor()
      expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe(
        'Sign in to Acme Notes, to connect “Claude”',
      )
      for (let step = 0; step < 2; step++) await page.keyboard.press('Tab')
      expect(await focused()).toBe('Cancel')
      await page.keyboard.press('Enter')
      await page.waitForURL(/\/client\/callback\?error=access_denied/)
    } finally {
      await context.close()
      shown.close()
    }
  })
})
