// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {AssetRegistry} from "../../contracts/assets/AssetRegistry.sol";
import {ComputeEscrow} from "../../contracts/compute/ComputeEscrow.sol";
import {Directory} from "../../contracts/governance/Directory.sol";
import {RegistryAuthority} from "../../contracts/governance/RegistryAuthority.sol";
import {DerivativeTerms} from "../../contracts/interfaces/IAssets.sol";
import {Publication} from "../../contracts/interfaces/IAssetRegistry.sol";
import {HostOffer, Job, JobOrder, JobRecord, JobStatus} from "../../contracts/interfaces/IComputeEscrow.sol";
import {LicenceKind, LicenceTerms} from "../../contracts/interfaces/ILicences.sol";
import {Parent} from "../../contracts/interfaces/ILineage.sol";
import {BlockingToken} from "../../contracts/mocks/BlockingToken.sol";
import {Lineage} from "../../contracts/revenue/Lineage.sol";

/// @dev The few cheat codes that are used; forge knows them at this address.
interface Vm {
    function prank(address sender) external;
    function warp(uint256 timestamp) external;
}

Vm constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

/// @title Host: a host that has signed whatever it is asked for.
contract Host is IERC1271 {
    function isValidSignature(bytes32, bytes calldata) external pure returns (bytes4) {
        return IERC1271.isValidSignature.selector;
    }
}

/// @title EscrowHandler: what can happen to jobs, each in bounds, none of which may revert.
/// @dev The owner, the DAO, the council and the issuer of the token do what they like in between.
contract EscrowHandler {
    uint256 private constant ASSET = 2;
    address public constant TREASURY = address(0x7EA5);
    address public constant OWNER = address(0x0E4E);
    address public constant COUNCIL = address(0xC0C0);
    address public constant CONSUMER = address(0x1000);

    RegistryAuthority private immutable _authority = new RegistryAuthority(address(this));
    AssetRegistry public immutable registry = new AssetRegistry(
        address(_authority), new Directory(address(_authority)), new Lineage(), TREASURY, 250
    );
    ComputeEscrow public immutable escrow = new ComputeEscrow(address(_authority), registry);
    BlockingToken public immutable token = new BlockingToken();
    address public immutable host = address(new Host());

    Job[] private _jobs;

    constructor() {
        VM.warp(1_800_000_000);
        registry.setPaymentToken(address(token), true);
        registry.setSeller(address(escrow), true);
        escrow.nameCouncil(COUNCIL, uint48(block.timestamp + 365 days));
        LicenceTerms[] memory none = new LicenceTerms[](0);
        registry.publish(
            address(this),
            Publication("parent", address(0), DerivativeTerms(true, 1000), new Parent[](0), 0, none)
        );
        LicenceTerms[] memory licences = new LicenceTerms[](1);
        licences[0] = LicenceTerms(999_999, 1, LicenceKind.Stream, 60, 0, 0, 30, address(escrow));
        Parent[] memory parents = new Parent[](1);
        parents[0] = Parent(address(registry), 1);
        registry.publish(
            OWNER, Publication("digest", address(0), DerivativeTerms(false, 0), parents, 1000, licences)
        );
        address[2] memory parties = [CONSUMER, host];
        for (uint256 i = 0; i < 2; ++i) {
            token.mint(parties[i], type(uint128).max);
            VM.prank(parties[i]);
            token.approve(address(escrow), type(uint256).max);
        }
    }

    function onERC721Received(address, address, uint256, bytes calldata) external pure returns (bytes4) {
        return this.onERC721Received.selector;
    }

    function count() external view returns (uint256) {
        return _jobs.length;
    }

    function jobAt(uint256 index) public view returns (Job memory) {
        return _jobs[index];
    }

    function recordAt(uint256 index) public view returns (JobRecord memory) {
        return escrow.recordOf(escrow.idOf(_jobs[index]));
    }

    function royaltyTo() public view returns (address receiver) {
        (receiver,) = registry.royaltyInfo(ASSET, 1e6);
    }

    function payees() public view returns (address[5] memory) {
        return [TREASURY, royaltyTo(), OWNER, host, CONSUMER];
    }

    /// @notice What a job holds at this moment.
    function heldFor(uint256 index) external view returns (uint256 held) {
        Job memory job = _jobs[index];
        JobStatus status = recordAt(index).status;
        if (status == JobStatus.Closed) return 0;
        held = (uint256(job.price) * job.offer.runTime + job.amount - 1) / job.amount;
        if (status >= JobStatus.Running) held += job.offer.bond;
        if (status == JobStatus.Disputed) held += job.offer.bond;
    }

    /* WHAT HAPPENS */

    function open(uint32 runTime, uint64 bond, uint32 grace, uint32 review, uint32 window) external {
        if (_isBlocked(CONSUMER)) return;
        HostOffer memory offer = HostOffer({
            assetId: ASSET,
            licence: 0,
            host: host,
            consumer: CONSUMER,
            job: bytes32(_jobs.length + 1),
            bond: uint96(bond) + 1,
            runTime: uint32(30 + runTime % (2 days)),
            graceTime: uint32(grace % (1 days)),
            reviewTime: uint32(1 hours + review % (2 days)),
            acceptBy: uint48(block.timestamp + window % (2 days))
        });
        (, uint256 total) = escrow.quote(ASSET, 0, offer.runTime);
        VM.prank(CONSUMER);
        escrow.open(JobOrder(offer, "", "digest", total));
        _jobs.push(
            Job({
                offer: offer,
                token: address(token),
                price: registry.licenceOf(ASSET, 0).price,
                amount: 60,
                minimum: 30,
                feeBps: 250,
                royaltyBps: 1000,
                treasury: TREASURY,
                royaltyTo: royaltyTo(),
                payout: OWNER
            })
        );
        assert(recordAt(_jobs.length - 1).status == JobStatus.Open);
    }

    function accept(uint8 which) external {
        uint256 index = _at(which, JobStatus.Open);
        if (index == _jobs.length || block.timestamp > _jobs[index].offer.acceptBy || _isBlocked(host)) {
            return;
        }
        VM.prank(host);
        escrow.accept(_jobs[index]);
    }

    function deliver(uint8 which, uint32 used) external {
        uint256 index = _at(which, JobStatus.Running);
        if (index == _jobs.length || block.timestamp > _deliverBy(index)) return;
        uint256 passed = block.timestamp - recordAt(index).since;
        VM.prank(host);
        escrow.deliver(_jobs[index], "result", used);
        uint256 counted = recordAt(index).used;
        assert(counted <= used && counted <= passed && counted <= _jobs[index].offer.runTime);
    }

    function cancel(uint8 which, bool runs) external {
        uint256 index = _at(which, runs ? JobStatus.Running : JobStatus.Open);
        if (index == _jobs.length || (runs && block.timestamp > _deliverBy(index))) return;
        VM.prank(CONSUMER);
        escrow.cancel(_jobs[index]);
    }

    function giveUp(uint8 which) external {
        uint256 index = _at(which, JobStatus.Running);
        if (index == _jobs.length || block.timestamp > _deliverBy(index)) return;
        VM.prank(host);
        escrow.giveUp(_jobs[index]);
    }

    function settle(uint8 which, bool byAnybody) external {
        uint256 index = _at(which, JobStatus.Delivered);
        if (index == _jobs.length) return;
        if (byAnybody && block.timestamp <= recordAt(index).since + _jobs[index].offer.reviewTime) return;
        if (!byAnybody) VM.prank(CONSUMER);
        escrow.settle(_jobs[index]);
    }

    function expire(uint8 which, bool runs) external {
        uint256 index = _at(which, runs ? JobStatus.Running : JobStatus.Open);
        if (index == _jobs.length) return;
        if (block.timestamp <= (runs ? _deliverBy(index) : _jobs[index].offer.acceptBy)) return;
        escrow.expire(_jobs[index]);
    }

    function dispute(uint8 which) external {
        uint256 index = _at(which, JobStatus.Delivered);
        if (index == _jobs.length || _isBlocked(CONSUMER)) return;
        if (block.timestamp > recordAt(index).since + _jobs[index].offer.reviewTime) return;
        VM.prank(CONSUMER);
        escrow.dispute(_jobs[index], "reason");
    }

    function decide(uint8 which, uint16 payBps) external {
        uint256 index = _at(which, JobStatus.Disputed);
        if (index == _jobs.length) return;
        if (escrow.council() == COUNCIL) VM.prank(COUNCIL);
        escrow.decide(_jobs[index], payBps % 10_001, "reason");
    }

    function lapse(uint8 which) external {
        uint256 index = _at(which, JobStatus.Disputed);
        if (index == _jobs.length || block.timestamp <= recordAt(index).since + 90 days) return;
        escrow.lapse(_jobs[index]);
    }

    function claim(uint8 who) external {
        address payee = payees()[who % 5];
        if (escrow.owedTo(address(token), payee) == 0 || _isBlocked(payee)) return;
        escrow.claim(address(token), payee, payee);
    }

    function block_(uint8 who, bool blocked) external {
        token.setBlocked(payees()[who % 5], blocked);
    }

    /// @dev What is free is in no token, and pays nobody: the functional tests have that.
    function reprice(uint64 price) external {
        VM.prank(OWNER);
        registry.setPrice(ASSET, 0, uint96(price) + 1);
    }

    function wait(uint24 time) external {
        VM.warp(block.timestamp + time);
    }

    function _at(uint8 which, JobStatus status) private view returns (uint256 index) {
        for (uint256 i = 0; i < _jobs.length; ++i) {
            index = (which + i) % _jobs.length;
            if (recordAt(index).status == status) return index;
        }
        return _jobs.length;
    }

    function _deliverBy(uint256 index) private view returns (uint256) {
        return recordAt(index).since + uint256(_jobs[index].offer.runTime) + _jobs[index].offer.graceTime;
    }

    function _isBlocked(address account) private returns (bool) {
        VM.prank(account);
        try token.transfer(account, 0) {
            return false;
        } catch {
            return true;
        }
    }
}

/// @title EscrowInvariants: what no order of jobs, disputes and blocked payees can break.
contract EscrowInvariants {
    EscrowHandler private _handler;

    function setUp() external {
        _handler = new EscrowHandler();
    }

    /// @notice Only the handler is called.
    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    /// @notice What is here is what each open job holds, and what waits for payees; to the unit.
    function invariant_whatIsHereIsWhatJobsHoldAndWhatIsOwed() public view {
        address token = address(_handler.token());
        uint256 due;
        for (uint256 i = 0; i < _handler.count(); ++i) {
            due += _handler.heldFor(i);
        }
        for (uint256 i = 0; i < 5; ++i) {
            due += _handler.escrow().owedTo(token, _handler.payees()[i]);
        }
        assert(_handler.token().balanceOf(address(_handler.escrow())) == due);
    }

    /// @notice Whatever was done, every job comes to an end by anybody's hand, and nothing is left over.
    function invariant_everyJobEndsAndEverybodyIsPaid() external {
        ComputeEscrow escrow = _handler.escrow();
        address token = address(_handler.token());
        for (uint256 i = 0; i < 5; ++i) {
            _handler.token().setBlocked(_handler.payees()[i], false);
        }
        VM.warp(block.timestamp + 91 days);
        for (uint256 i = 0; i < _handler.count(); ++i) {
            JobStatus status = _handler.recordAt(i).status;
            if (status == JobStatus.Closed) continue;
            if (status == JobStatus.Delivered) escrow.settle(_handler.jobAt(i));
            else if (status == JobStatus.Disputed) escrow.lapse(_handler.jobAt(i));
            else escrow.expire(_handler.jobAt(i));
        }
        for (uint256 i = 0; i < 5; ++i) {
            address payee = _handler.payees()[i];
            if (escrow.owedTo(token, payee) != 0) escrow.claim(token, payee, payee);
        }
        assert(_handler.token().balanceOf(address(escrow)) == 0);
    }
}
