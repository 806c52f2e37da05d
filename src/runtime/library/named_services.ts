/** The services of a proxy by their names, for a program in this process and for one that drives another process. */

interface NamedService {
  readonly name: string;
  /** As in a configuration, with the real ports. */
  readonly listen: readonly string[];
}

/** @throws {TypeError} when there is none of this name. */
export function serviceNamed<Service extends NamedService>(
  services: readonly Service[],
  name: string,
): Service {
  const service = services.find((each) => each.name === name);
  if (service !== undefined) return service;
  throw new TypeError(`There is no service "${name}": this proxy has ${namesOf(services)}`);
}

/** @throws {TypeError} when there are several, or none. */
export function onlyService<Service extends NamedService>(services: readonly Service[]): Service {
  if (services.length === 1) return services[0]!;
  throw new TypeError(
    `This proxy has ${services.length} services: say which with service(name), of ${namesOf(services)}`,
  );
}

/** The port of the first address that has one. @throws {TypeError} when it listens on unix sockets only. */
export function portOf({ name, listen }: NamedService): number {
  const address = listen.find((each) => !each.startsWith("unix:"));
  if (address !== undefined) return Number(address.slice(address.lastIndexOf(":") + 1));
  throw new TypeError(`Service "${name}" listens on ${listen[0]}, which has no port`);
}

function namesOf(services: readonly NamedService[]): string {
  return services.map(({ name }) => `"${name}"`).join(", ");
}
