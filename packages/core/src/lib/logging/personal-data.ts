// Every pattern begins where the character before cannot belong to it, and has a length, so that each takes linear time.

const email = /(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}/g
/** E.164, also as people write it. */
const phone = /(?<![\w+])\+[1-9](?:[ ().-]{0,2}\d){6,14}(?!\d)/g
const ipv4 = /(?<![\w.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\w.])/g
const ipv6 = /(?<![\w:.])[\da-f]{0,4}(?::[\da-f]{0,4}){2,7}(?![\w:])/gi
const card = /(?<![\w-])\d(?:[ -]?\d){12,18}(?![\w-])/g
const iban = /(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z\d]){11,30}(?!\w)/g

/** Fields that are about a person, by the words of their names. */
const fields = /^(?:e_?mail|phone|mobile|(?:client_|ip_|remote_|postal_)?address|street|birth_?date)$/

/** Whether what has this name is about a person whatever it looks like. */
export function isPersonalName(name: string): boolean {
  return fields.test(
    name
      .replaceAll(/([a-z\d])([A-Z])/g, '$1_$2')
      .replaceAll('-', '_')
      .toLowerCase(),
  )
}

/** Replaces e-mail addresses, phone numbers, IP addresses, card and account numbers by what they are. */
export function maskPersonalData(text: string): string {
  const mailed = text.includes('@') ? text.replaceAll(email, '[email]') : text
  return mailed
    .replaceAll(phone, '[phone]')
    .replaceAll(iban, (found) => (isIban(found) ? '[account]' : found))
    .replaceAll(card, (found) => (isCard(found) ? '[card]' : found))
    .replaceAll(ipv4, '[address]')
    .replaceAll(ipv6, (found) => (URL.canParse(`http://[${found}]/`) ? '[address]' : found))
}

/** The check digit of ISO/IEC 7812-1. */
function isCard(text: string): boolean {
  const digits = text.replaceAll(/\D/g, '')
  let sum = 0
  for (let index = 0; index < digits.length; index++) {
    const digit = Number(digits[digits.length - 1 - index])
    const double = digit * 2
    sum += index % 2 === 0 ? digit : double > 9 ? double - 9 : double
  }
  return sum % 10 === 0
}

/** The check digits of ISO 13616. */
function isIban(text: string): boolean {
  const plain = text.replaceAll(' ', '')
  if (plain.length < 15 || plain.length > 34) return false
  let rest = 0
  for (const character of plain.slice(4) + plain.slice(0, 4)) {
    rest = Number(`${rest}${Number.parseInt(character, 36)}`) % 97
  }
  return rest === 1
}
