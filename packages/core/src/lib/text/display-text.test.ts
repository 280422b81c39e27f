import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { createLogger } from '../logging/create-logger.js'
import { html } from '../pages/html.js'
import { styles } from '../pages/styles.js'
import { page } from '../vault/page.js'
import { displayText } from './display-text.js'

const many = (text: string) => text.repeat(60)

test.each([
  ['marks piled on a letter', `Cla${many('\u0301\u0316\u0334')}ude`],
  ['marks of many kinds', `C${many('\u0489\u20dd\u20e3\u0300\u1ab0\u1dc0\ufe20')}laude`],
  ['marks with joiners between them', `C${many('\u0300\u034f\u200d')}laude`],
  ['marks that would go on the page before', `${many('\u0300\u0323')}Claude`],
  ['marks on a space', `Claude ${many('\u0300')}x`],
  ['marks behind invisible characters', `${many('\u200b\u0300')}Claude`],
  ['spacing marks', `\u0e01${many('\u0e34\u0e48')}`],
])('%s are no more than three on one character [finding 24]', (_, text) => {
  const shown = displayText(text)
  expect(shown).not.toMatch(/\p{M}{4}|^\p{M}| \p{M}|\p{Me}/u)
  expect(shown.length).toBeLessThan(text.length / 3)
})

test.each([
  [
    'bidirectional controls',
    '\u202eedualC\u202c \u2066x\u2069 \u200f\u061c',
    /[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]/,
  ],
  ['zero-width characters', 'Cl\u200ba\u200cu\u200dd\u2060e\ufeff\u00ad', /[^A-Za-z]/],
  [
    'default-ignorable code points',
    'x\u034f\u115f\u1160\u17b4\u17b5\u180b\u3164\uffa0\ufe0f\u{e0100}\u{e0041}',
    /[^x]/,
  ],
  ['controls and line breaks', 'a\u0000\u001b[31m\u009b\n\n\u2028b\u2029', /[^ab\x5b31m ]/],
  ['lone surrogates, private and unassigned characters', 'a\ud800\ue000\u{10ffff}\u0378b', /[^ab]/],
])('%s are left out [finding 24]', (_, text, left) => {
  expect(displayText(text)).not.toMatch(left)
})

test.each([
  ['Hangul parts', many('\u1100'), 3],
  ['Khmer letters under each other', `\u1780${many('\u17d2\u1780')}`, 5],
  ['Meetei Mayek letters under each other', `\uabc0${many('\uaaf6\uabc0')}`, 5],
  ['Brahmi letters under each other', `\u{11013}${many('\u{11046}\u{11013}')}`, 5],
  ['Soyombo letters under each other', `\u{11a5c}${many('\u{11a99}\u{11a5c}')}`, 5],
  ['Myanmar letters under each other', `\u1000${many('\u1039\u1000')}`, 5],
  ['Javanese letters under each other', `\ua98f${many('\ua9c0\ua98f')}`, 5],
])('%s are a few and no pile [finding 24]', (_, text, longest) => {
  expect([...displayText(text)].length).toBeLessThanOrEqual(longest)
})

test.each([
  'Claude',
  'Büro für Café-Verträge',
  'Việt Nam Ứng dụng',
  'अनुप्रयोग श्री क्ष्म्य',
  'แอปพลิเคชันที่นี่',
  'אַפּליקאַציע',
  'تطبيق مُحَمَّد',
  '日本語アプリ',
  '한국어 앱',
  'ភាសាខ្មែរ ស្ត្រី',
  'မြန်မာစကား',
  '🚀 Rocket',
])('names of real languages stay as they are: %s [finding 24]', (name) => {
  expect(displayText(name)).toBe(name.normalize('NFC'))
})

test('spaces of every kind are one space, and a name of nothing is empty [finding 24]', () => {
  expect(displayText('a\u00a0\u2003\u3000\u2800 b')).toBe('a b')
  expect(displayText('\u3164\u200b\u2800\u0301\ufe0f')).toBe('')
})

test('a long text is cut between characters and says so [finding 24]', () => {
  expect(displayText('x'.repeat(81), 80)).toBe(`${'x'.repeat(79)}…`)
  expect(displayText('x'.repeat(80), 80)).toBe('x'.repeat(80))
  expect(displayText('🚀'.repeat(81), 80)).toBe(`${'🚀'.repeat(79)}…`)
})

test('the time grows with the length of a text and not with its square [finding 24]', () => {
  const time = (text: string): number => {
    const runs = Array.from({ length: 2 }, () => {
      const start = performance.now()
      displayText(text)
      return performance.now() - start
    })
    return Math.min(...runs)
  }
  for (const unit of [
    '\u0300',
    '\u0300\u0316',
    ' \u0300',
    '\u17d2\u1780',
    '\u1100',
    '\u200b',
    '\u2003',
    'a\u0300',
    '\n',
  ]) {
    // A square of it would be seconds
    const once = time(`é${unit.repeat(50_000)}`)
    expect(time(`é${unit.repeat(200_000)}`)).toBeLessThan(once * 16 + 500)
  }
})

test('a log line shows as text what would reorder, hide or pile up, and means the same [finding 24]', () => {
  const lines: string[] = []
  const name = `Cl\u200b\u202eaude\u009b\u2028${'\u0301'.repeat(10)}`
  createLogger({ write: (line) => lines.push(line) }).info({ clientName: name }, 'Büro \u2066x')
  expect(lines[0]).not.toMatch(/[\u007f-\u009f\p{Cf}\p{Zl}]|\p{M}{4}/u)
  expect(lines[0]).toContain('Büro')
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ clientName: name, message: 'Büro \u2066x' })
})

test('a page of the vault clips names by a style that its policy lets through [finding 24]', async () => {
  const response = await page({}, 'Account', html`<p>${`\u202e${'\u0301'.repeat(9)}x<b>`}</p>`)
  expect(response.headers.get('content-security-policy')).toContain(
    `style-src 'sha256-${createHash('sha256').update(styles).digest('base64')}'`,
  )
  expect(await response.text()).toContain('<p>x&lt;b&gt;</p>')
})
