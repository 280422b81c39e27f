import axe from 'axe-core'
import type { Page } from 'playwright-core'

/** What axe-core finds wrong with a page, with what it cannot decide; nothing else may be on the page's own account. */
export async function axeFindings(page: Page): Promise<string[]> {
  const found = await page.evaluate(`${axe.source}; axe.run(document, { resultTypes: ['violations', 'incomplete'] })`)
  const { violations, incomplete } = found as Record<
    string,
    { id: string; nodes: { html: string; any: { message: string }[] }[] }[]
  >
  return [...(violations ?? []), ...(incomplete ?? [])].flatMap(({ id, nodes }) =>
    nodes.map(({ html, any }) => `${id}: ${html.slice(0, 120)} ${any.map(({ message }) => message).join()}`),
  )
}

/**
 * The lowest contrast of a text with what is behind it (WCAG 2.2 section 1.4.3), from the computed colours, in whatever
 * colour space they are.
 */
export async function lowestContrast(page: Page): Promise<number> {
  return page.evaluate(() => {
    const context = document.createElement('canvas').getContext('2d', { willReadFrequently: true })
    /** Red, green, blue and opacity, as the browser paints them. */
    const painted = (colour: string): number[] => {
      if (context === null) return []
      context.clearRect(0, 0, 1, 1)
      context.fillStyle = colour
      context.fillRect(0, 0, 1, 1)
      return [...context.getImageData(0, 0, 1, 1).data]
    }
    const luminance = (colour: string): number => {
      const [red = 0, green = 0, blue = 0] = painted(colour).map((part) => {
        const value = part / 255
        return value <= 0.040_45 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
      })
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
    const texts = [...document.querySelectorAll('h1, h2, p, a, li, dt, dd, label, legend, button, input')]
    const contrasts = texts.map((element) => {
      let ground = 'transparent'
      for (let each: Element | null = element; each && painted(ground)[3] === 0; each = each.parentElement) {
        ground = getComputedStyle(each).backgroundColor
      }
      const [dark = 0, light = 0] = [luminance(getComputedStyle(element).color), luminance(ground)].sort(
        (a, b) => a - b,
      )
      return (light + 0.05) / (dark + 0.05)
    })
    return Math.min(...contrasts)
  })
}

/** How far a page is wider than its window, in pixels. */
export async function beyondWidth(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
}
