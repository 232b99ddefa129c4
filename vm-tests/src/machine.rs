//! One machine: QEMU with an emulated processor, a disk of its own, a shell and a control socket.
//!
//! Everything about it lies in one folder: the disk (changes to the image only), `console.log`,
//! the sockets. It ends when it is dropped.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use sovnet_tests::clock::wait_for;
use sovnet_tests::lan::arp::Mac;

use crate::command::{run, text};
use crate::image::Image;
use crate::qmp::Qmp;
use crate::shell::{Finished, Shell};

/// Not the best processor that QEMU knows: its longer page walks cost a quarter of the speed.
const PROCESSOR: &str = "qemu64,+rdrand";

/// Quiet, predictable interface names, and a reboot after a panic instead of a halt. The processor's
/// own counter as clock: every look at another one is a trip to QEMU's slow devices.
const KERNEL_LINE: &str = "console=ttyS0 quiet panic=-1 mitigations=off random.trust_cpu=on \
                           systemd.show_status=0 net.ifnames=0 nokaslr tsc=reliable";

/// QEMU ends with the thread that started it, whatever ends that.
const WRAPPER: [&str; 3] = ["--pdeathsig", "KILL", "qemu-system-x86_64"];

/// Where a machine's interface is plugged in.
#[derive(Debug, Clone)]
pub struct Nic {
    /// Its hardware address.
    pub mac: Mac,
    /// The machine's end: frames to it are datagrams to this socket.
    pub own: PathBuf,
    /// The switch's end.
    pub switch: PathBuf,
}

/// What to start.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The host name.
    pub name: String,
    /// What to boot.
    pub image: Image,
    /// The machine's folder.
    pub dir: PathBuf,
    /// Its interface, if it has one.
    pub nic: Option<Nic>,
    /// A file that it sees as its second disk.
    pub data: Option<PathBuf>,
}

/// A machine that runs.
#[derive(Debug)]
pub struct Machine {
    name: String,
    child: Child,
    shell: Shell,
    qmp: Qmp,
    sockets: Sockets,
}

/// A folder with a short path (a socket's may have 107 bytes), removed in the end.
#[derive(Debug)]
pub(crate) struct Sockets(pub(crate) PathBuf);

impl Sockets {
    pub(crate) fn new(name: &str) -> anyhow::Result<Sockets> {
        let dir = PathBuf::from(format!("/run/sovnet-vm/{}-{name}", std::process::id()));
        if dir.exists() {
            fs::remove_dir_all(&dir).context("failed to remove a former folder of sockets")?;
        }
        fs::create_dir_all(&dir)
            .with_context(|| format!("failed to create {} (are you root?)", dir.display()))?;
        Ok(Sockets(dir))
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

impl Machine {
    /// Starts to boot.
    ///
    /// # Errors
    /// If QEMU or its tools are not there, or end at once.
    pub fn start(plan: &Plan) -> anyhow::Result<Machine> {
        let sockets = Sockets::new(&plan.name)?;
        let disk = plan.dir.join("disk");
        let backing = text(&plan.image.disk)?;
        let create = [
            "create",
            "-q",
            "-f",
            "qcow2",
            "-F",
            plan.image.format,
            "-b",
            backing,
        ];
        run(
            "qemu-img",
            &[&create[..], &[text(&disk)?]].concat(),
            &plan.dir,
        )?;
        let said = File::create(plan.dir.join("qemu.log")).context("failed to create qemu.log")?;
        let mut child = Command::new("setpriv")
            .args(WRAPPER)
            .args(arguments(plan, &disk, &sockets.0)?)
            .stdin(Stdio::null())
            .stdout(said.try_clone()?)
            .stderr(said)
            .spawn()
            .context("failed to start QEMU")?;
        match connect(&sockets.0) {
            Ok((shell, qmp)) => Ok(Machine {
                name: plan.name.clone(),
                child,
                shell,
                qmp,
                sockets,
            }),
            Err(error) => {
                drop(child.kill());
                drop(child.wait());
                let said = fs::read_to_string(plan.dir.join("qemu.log")).unwrap_or_default();
                Err(error.context(format!("QEMU of {} said: {said}", plan.name)))
            }
        }
    }

    /// Its host name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Waits until it has booted as far as its shell; also after a reboot.
    ///
    /// # Errors
    /// If it does not within `limit`.
    pub fn wait_shell(&mut self, limit: Duration) -> anyhow::Result<()> {
        self.shell
            .wait_ready(limit)
            .with_context(|| format!("{} does not boot", self.name))
    }

    /// Runs a command as root.
    ///
    /// # Errors
    /// If it does not end within `limit`.
    pub fn run(&mut self, command: &str, limit: Duration) -> anyhow::Result<Finished> {
        self.shell
            .run(command, limit)
            .with_context(|| format!("on {}", self.name))
    }

    /// Runs a command as root that must succeed, and gives what it printed.
    ///
    /// # Errors
    /// If it fails or does not end within `limit`.
    pub fn must(&mut self, command: &str, limit: Duration) -> anyhow::Result<String> {
        let Finished { code, text } = self.run(command, limit)?;
        ensure!(
            code == 0,
            "`{command}` on {} ended with {code}:\n{text}",
            self.name
        );
        Ok(text)
    }

    /// Unplugs or plugs in the cable of its interface: the guest loses or gets its carrier.
    ///
    /// # Errors
    /// What QEMU answers.
    pub fn set_link(&mut self, is_up: bool) -> anyhow::Result<()> {
        self.qmp.set_link("nic0", is_up)
    }

    /// Waits until it has powered itself off.
    ///
    /// # Errors
    /// If it does not within `limit`.
    pub fn wait_end(&mut self, limit: Duration) -> anyhow::Result<()> {
        let what = format!("the end of {}", self.name);
        let child = &mut self.child;
        let status = wait_for(&what, limit, || child.try_wait().ok().flatten())?;
        ensure!(
            status.success(),
            "QEMU of {} ended with {status}",
            self.name
        );
        Ok(())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // A machine that has ended by itself answers nothing; the process is killed in any case.
        drop(self.qmp.quit());
        drop(self.child.kill());
        drop(self.child.wait());
        let _its_folder_goes_last = &self.sockets;
    }
}

fn connect(sockets: &Path) -> anyhow::Result<(Shell, Qmp)> {
    let qmp = Qmp::connect(&sockets.join("qmp"))?;
    Ok((Shell::connect(&sockets.join("shell"))?, qmp))
}

/// QEMU's command line.
fn arguments(plan: &Plan, disk: &Path, sockets: &Path) -> anyhow::Result<Vec<String>> {
    let name = &plan.name;
    // Machines of the same image differ in name and machine-id, as installed ones do.
    let machine_id = blake3::hash(name.as_bytes()).to_hex();
    let machine_id = machine_id.get(..32).unwrap_or_default();
    let line = format!("{KERNEL_LINE} systemd.hostname={name} systemd.machine_id={machine_id}");
    let (disk, sockets) = (text(disk)?, text(sockets)?);
    let console = plan.dir.join("console.log");
    let mut all: Vec<String> = Vec::new();
    let mut add = |words: &[&str]| all.extend(words.iter().map(|word| (*word).to_owned()));
    add(&[
        "-M",
        "q35",
        "-accel",
        "tcg,tb-size=128",
        "-cpu",
        PROCESSOR,
        "-smp",
        "1",
        "-m",
        "256",
    ]);
    add(&["-nodefaults", "-no-user-config", "-display", "none"]);
    add(&[
        "-kernel",
        text(&plan.image.kernel)?,
        "-initrd",
        text(&plan.image.initrd)?,
    ]);
    add(&[
        "-append",
        &line,
        "-serial",
        &format!("file:{}", text(&console)?),
    ]);
    add(&[
        "-drive",
        &format!("if=none,id=disk0,file={disk},format=qcow2,cache=unsafe"),
    ]);
    add(&[
        "-device",
        "virtio-blk-pci,drive=disk0",
        "-device",
        "virtio-rng-pci",
    ]);
    if let Some(data) = &plan.data {
        let data = text(data)?;
        let options = "if=none,id=disk1,format=raw,read-only=on,file.locking=off";
        add(&["-drive", &format!("{options},file={data}")]);
        add(&["-device", "virtio-blk-pci,drive=disk1"]);
    }
    add(&["-device", "virtio-serial-pci"]);
    add(&[
        "-chardev",
        &format!("socket,id=shell,path={sockets}/shell,server=on,wait=off"),
    ]);
    add(&[
        "-device",
        "virtserialport,chardev=shell,name=org.sovnet.shell",
    ]);
    add(&["-qmp", &format!("unix:{sockets}/qmp,server=on,wait=off")]);
    if let Some(nic) = &plan.nic {
        let (own, switch, mac) = (text(&nic.own)?, text(&nic.switch)?, nic.mac);
        let ends =
            format!("local.type=unix,local.path={own},remote.type=unix,remote.path={switch}");
        add(&["-netdev", &format!("dgram,id=net0,{ends}")]);
        add(&[
            "-device",
            &format!("virtio-net-pci,netdev=net0,mac={mac},romfile=,id=nic0"),
        ]);
    }
    Ok(all)
}
