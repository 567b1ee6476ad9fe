// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {Recipient} from "../../contracts/mocks/Recipient.sol";
import {RegistryGovernor} from "../../contracts/governance/RegistryGovernor.sol";
import {RegistryTimelock} from "../../contracts/governance/RegistryTimelock.sol";
import {RegistryToken} from "../../contracts/governance/RegistryToken.sol";
import {GovernorRules, IRegistryGovernor} from "../../contracts/interfaces/IRegistryGovernor.sol";
import {Allocation} from "../../contracts/interfaces/IRegistryToken.sol";

/// @dev The few cheat codes that are used; forge knows them at this address.
interface Vm {
    function prank(address sender) external;
    function warp(uint256 timestamp) external;
    function etch(address target, bytes calldata code) external;
    function deal(address account, uint256 balance) external;
    function toString(address account) external pure returns (string memory);
    function toString(uint256 number) external pure returns (string memory);
}

Vm constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

/// @title GovernorHandler: what can happen to a DAO, each in bounds, none of which may revert.
contract GovernorHandler {
    uint256 private constant VOTERS = 5;
    uint256 private constant MAX_PROPOSALS = 3;
    address private constant GUARDIAN = address(0x600D);

    RegistryToken public immutable token;
    RegistryTimelock public immutable timelock;
    RegistryGovernor public immutable governor;
    Recipient public immutable target = new Recipient();

    uint256[] public ids;
    mapping(uint256 id => string) private _texts;
    mapping(uint256 id => uint96) private _amounts;
    mapping(uint256 id => IGovernor.ProposalState) public ended;
    mapping(uint256 id => bool) public hasEnded;
    mapping(uint256 id => uint256) public queuedAt;
    mapping(uint256 id => uint256) public executedAt;
    /// @notice What the treasury paid out by decisions.
    uint256 public spent;
    uint256 public constant TREASURY = 1e24;

    constructor() {
        VM.warp(1_800_000_000);
        timelock = new RegistryTimelock(2 days, address(this));
        Allocation[] memory shares = new Allocation[](VOTERS);
        for (uint256 i = 0; i < VOTERS; ++i) {
            shares[i] = Allocation(voter(i), 10_000e18 * (i + 1));
        }
        token = new RegistryToken("Votes", "VOTE", shares);
        governor = new RegistryGovernor(
            token,
            timelock,
            GovernorRules(
                1 hours, 1 days, 1e18, 25, 20_000e18, 6 hours, GUARDIAN, uint48(block.timestamp + 300 days), 0
            )
        );
        timelock.grantRole(timelock.PROPOSER_ROLE(), address(governor));
        timelock.grantRole(timelock.CANCELLER_ROLE(), address(governor));
        timelock.grantRole(timelock.EXECUTOR_ROLE(), address(governor));
        timelock.renounceRole(timelock.DEFAULT_ADMIN_ROLE(), address(this));
        VM.deal(address(timelock), TREASURY);
        for (uint256 i = 0; i < VOTERS; ++i) {
            VM.prank(voter(i));
            token.delegate(voter(i));
        }
        VM.warp(block.timestamp + 1);
    }

    function voter(uint256 index) public pure returns (address) {
        return address(uint160(0x1000 + index % VOTERS));
    }

    function count() external view returns (uint256) {
        return ids.length;
    }

    /* WHAT HAPPENS */

    function propose(uint8 who, uint72 amount) external {
        if (ids.length == MAX_PROPOSALS || token.getPastVotes(voter(who), block.timestamp - 1) < 1e18) {
            return;
        }
        string memory text = string.concat(VM.toString(ids.length), "#proposer=", VM.toString(voter(who)));
        (address[] memory targets, uint256[] memory values, bytes[] memory data) = _actions(amount);
        VM.prank(voter(who));
        uint256 id = governor.propose(targets, values, data, text);
        ids.push(id);
        _texts[id] = text;
        _amounts[id] = amount;
    }

    function vote(uint8 which, uint8 who, uint8 support) external {
        uint256 id = _pick(which);
        if (id == 0 || governor.state(id) != IGovernor.ProposalState.Active) return;
        if (governor.hasVoted(id, voter(who))) return;
        VM.prank(voter(who));
        governor.castVote(id, support % 3);
    }

    /// @dev Everybody votes, most of them for it: else few would ever pass.
    function voteAll(uint8 which, uint16 choices) external {
        uint256 id = _pick(which);
        if (id == 0 || governor.state(id) != IGovernor.ProposalState.Active) return;
        for (uint256 i = 0; i < VOTERS; ++i) {
            if (governor.hasVoted(id, voter(i))) continue;
            uint256 support = (choices >> (2 * i)) & 3;
            VM.prank(voter(i));
            governor.castVote(id, support == 3 ? 1 : uint8(support));
        }
    }

    function move(uint8 from, uint8 to, uint96 amount) external {
        uint256 held = token.balanceOf(voter(from));
        VM.prank(voter(from));
        token.transfer(voter(to), amount < held ? amount : held);
    }

    function redelegate(uint8 from, uint8 to) external {
        VM.prank(voter(from));
        token.delegate(voter(to));
    }

    function wait(uint24 time) external {
        VM.warp(block.timestamp + time % 3 days);
        _note();
    }

    /// @dev To the next moment that matters to a proposal, where chance alone would seldom come.
    function jump(uint8 which) external {
        uint256 id = _pick(which);
        if (id == 0) return;
        IGovernor.ProposalState state = governor.state(id);
        if (state == IGovernor.ProposalState.Pending) VM.warp(governor.proposalSnapshot(id) + 1);
        if (state == IGovernor.ProposalState.Active) VM.warp(governor.proposalDeadline(id) + 1);
        if (state == IGovernor.ProposalState.Queued && governor.proposalEta(id) > block.timestamp) {
            VM.warp(governor.proposalEta(id));
        }
        _note();
    }

    function queue(uint8 which) external {
        uint256 id = _pick(which);
        if (id == 0 || governor.state(id) != IGovernor.ProposalState.Succeeded) return;
        (address[] memory targets, uint256[] memory values, bytes[] memory data) = _actions(_amounts[id]);
        try governor.queue(targets, values, data, keccak256(bytes(_texts[id]))) {
            queuedAt[id] = block.timestamp;
        } catch {
            // Only because its target has other code now.
            assert(governor.getProposalId(targets, values, data, keccak256(bytes(_texts[id]))) != id);
        }
    }

    function execute(uint8 which) external {
        uint256 id = _pick(which);
        if (id == 0 || governor.state(id) != IGovernor.ProposalState.Queued) return;
        (address[] memory targets, uint256[] memory values, bytes[] memory data) = _actions(_amounts[id]);
        bool sameCode = governor.getProposalId(targets, values, data, keccak256(bytes(_texts[id]))) == id;
        try governor.execute(targets, values, data, keccak256(bytes(_texts[id]))) {
            assert(sameCode);
            executedAt[id] = block.timestamp;
            spent += _amounts[id];
            _note();
        } catch {
            // Too early, or other code, or more than is left.
            assert(
                !sameCode || block.timestamp < governor.proposalEta(id)
                    || address(timelock).balance < _amounts[id]
            );
        }
    }

    /// @dev Tries all that a guardian has: it may cancel, and must not gain.
    function guard(uint8 which) external {
        uint256 id = _pick(which);
        if (id == 0) return;
        (address[] memory targets, uint256[] memory values, bytes[] memory data) = _actions(_amounts[id]);
        VM.prank(GUARDIAN);
        try governor.cancel(targets, values, data, keccak256(bytes(_texts[id]))) {} catch {}
        _note();
        assert(GUARDIAN.balance == 0 && token.balanceOf(GUARDIAN) == 0);
    }

    function changeCode(uint8 choice) external {
        VM.etch(address(target), choice < 32 ? bytes(hex"00") : type(Recipient).runtimeCode);
    }

    /* LOOKING */

    /// @notice Votes that there were of all accounts at the snapshot.
    function supplyAt(uint256 id) external view returns (uint256) {
        return token.getPastTotalSupply(governor.proposalSnapshot(id));
    }

    function _actions(uint96 amount)
        private
        view
        returns (address[] memory targets, uint256[] memory values, bytes[] memory data)
    {
        (targets, values, data) = (new address[](1), new uint256[](1), new bytes[](1));
        (targets[0], values[0], data[0]) = (address(target), amount, abi.encodeCall(Recipient.tell, (amount)));
    }

    function _pick(uint8 which) private view returns (uint256) {
        return ids.length == 0 ? 0 : ids[which % ids.length];
    }

    /// @dev Remembers the states that are for ever.
    function _note() private {
        for (uint256 i = 0; i < ids.length; ++i) {
            IGovernor.ProposalState state = governor.state(ids[i]);
            if (
                state == IGovernor.ProposalState.Defeated || state == IGovernor.ProposalState.Canceled
                    || state == IGovernor.ProposalState.Executed || state == IGovernor.ProposalState.Expired
            ) {
                if (!hasEnded[ids[i]]) (hasEnded[ids[i]], ended[ids[i]]) = (true, state);
            }
        }
    }
}

/// @title GovernorInvariants: what no order of events can break.
contract GovernorInvariants {
    GovernorHandler private _handler;

    function setUp() external {
        _handler = new GovernorHandler();
    }

    /// @notice Only the handler is called.
    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    /// @notice What was defeated, cancelled or executed, or has expired, stays so.
    function invariant_anEndedStateNeverChanges() external view {
        for (uint256 i = 0; i < _handler.count(); ++i) {
            uint256 id = _handler.ids(i);
            if (!_handler.hasEnded(id)) continue;
            assert(_handler.governor().state(id) == _handler.ended(id));
        }
    }

    /// @notice All votes on a proposal are at most the votes of the snapshot.
    function invariant_noVoteCountsMoreThanTheSnapshot() external view {
        for (uint256 i = 0; i < _handler.count(); ++i) {
            uint256 id = _handler.ids(i);
            (uint256 against, uint256 for_, uint256 abstain) = _handler.governor().proposalVotes(id);
            if (against + for_ + abstain == 0) continue;
            assert(against + for_ + abstain <= _handler.supplyAt(id));
        }
    }

    /// @notice What was executed had waited for its delay.
    function invariant_executedMeansThatTheDelayHadPassed() external view {
        for (uint256 i = 0; i < _handler.count(); ++i) {
            uint256 id = _handler.ids(i);
            if (_handler.executedAt(id) == 0) continue;
            assert(_handler.executedAt(id) >= _handler.queuedAt(id) + 2 days);
        }
    }

    /// @notice Nothing leaves the treasury but by decisions.
    function invariant_theTreasuryPaysWhatWasDecided() external view {
        assert(address(_handler.timelock()).balance == _handler.TREASURY() - _handler.spent());
    }
}

/// @title GovernorTargets: whose code a proposal commits to.
contract GovernorTargets {
    address private constant SOMEBODY = address(0xA11CE);

    GovernorHandler private _handler;
    RegistryGovernor private _governor;

    function setUp() external {
        _handler = new GovernorHandler();
        _governor = _handler.governor();
    }

    /// @notice Whoever lets code act for the account (EIP-7702) may change that any day: they are paid, and not called.
    function testFuzz_aPersonIsAPersonWhateverActsForThem(address delegate) external {
        uint256 before = idOf("");
        VM.etch(SOMEBODY, abi.encodePacked(hex"ef0100", delegate));
        assert(SOMEBODY.code.length == 23);
        assert(idOf("") == before);
        assert(_isRefused());
    }

    /// @notice Any other code is a contract's, also of that size: it can be called, and the id commits to it.
    function testFuzz_otherCodeOfThatSizeIsAContracts(bytes23 code, bytes23 other) external {
        if (bytes2(code) == 0xef01 || bytes2(other) == 0xef01 || code == other) return;
        VM.etch(SOMEBODY, abi.encodePacked(code));
        uint256 before = idOf("call");
        VM.etch(SOMEBODY, abi.encodePacked(other));
        assert(idOf("call") != before);
        assert(!_isRefused());
    }

    /// @notice A payment runs nothing that was voted on: what is paid may come to be a contract, or another one.
    function testFuzz_aPaymentIsTheSameWhateverIsPaid(bytes calldata code) external {
        // Forge takes the mark of a delegation for one.
        if (code.length > 1 && bytes2(code) == 0xef01) return;
        uint256 before = idOf("");
        VM.etch(SOMEBODY, code);
        assert(idOf("") == before);
    }

    /// @notice What was voted on is not executed with other code, can be cancelled by its number, and is in the way of
    /// nothing: the same words are voted on anew, and queued beside it.
    function test_otherCodeIsNotExecutedAndCanBeVotedOnAnew() external {
        VM.etch(SOMEBODY, hex"00");
        uint256 first = _pass();
        _queue(first);
        VM.warp(_governor.proposalEta(first));
        VM.etch(SOMEBODY, hex"5b00");
        (address[] memory targets, uint256[] memory values, bytes[] memory data) = _call("call");
        bytes32 text = keccak256(bytes(_text()));
        uint256 second = _governor.getProposalId(targets, values, data, text);
        assert(second != first);
        try _governor.execute(targets, values, data, text) {
            assert(false);
        } catch (bytes memory reason) {
            assert(bytes4(reason) == IGovernor.GovernorNonexistentProposal.selector);
        }
        assert(_pass() == second);
        _queue(second);
        assert(_governor.state(first) == IGovernor.ProposalState.Queued);
        VM.prank(address(0x600D));
        _governor.cancelById(first);
        // Not even if the code is as it was: the guardian need not be there at that moment.
        VM.etch(SOMEBODY, hex"00");
        assert(_governor.state(first) == IGovernor.ProposalState.Canceled);
        assert(_governor.state(second) == IGovernor.ProposalState.Queued);
        VM.etch(SOMEBODY, hex"5b00");
        VM.warp(_governor.proposalEta(second));
        _governor.execute(targets, values, data, text);
        assert(_governor.state(second) == IGovernor.ProposalState.Executed);
    }

    function _pass() private returns (uint256 id) {
        (address[] memory targets, uint256[] memory values, bytes[] memory data) = _call("call");
        (address proposer, string memory text) = (_handler.voter(0), _text());
        VM.prank(proposer);
        id = _governor.propose(targets, values, data, text);
        VM.warp(_governor.proposalSnapshot(id) + 1);
        for (uint256 i = 0; i < 5; ++i) {
            address voter = _handler.voter(i);
            VM.prank(voter);
            _governor.castVote(id, 1);
        }
        VM.warp(_governor.proposalDeadline(id) + 1);
    }

    function _queue(uint256 id) private {
        (address[] memory targets, uint256[] memory values, bytes[] memory data) = _call("call");
        _governor.queue(targets, values, data, keccak256(bytes(_text())));
        assert(_governor.state(id) == IGovernor.ProposalState.Queued);
    }

    function _isRefused() private view returns (bool) {
        try this.idOf("call") {
            return false;
        } catch (bytes memory reason) {
            return bytes4(reason) == IRegistryGovernor.TargetWithoutCode.selector;
        }
    }

    function idOf(bytes memory call) public view returns (uint256) {
        (address[] memory targets, uint256[] memory values, bytes[] memory data) = _call(call);
        return _governor.getProposalId(targets, values, data, 0);
    }

    function _call(bytes memory call)
        private
        pure
        returns (address[] memory targets, uint256[] memory values, bytes[] memory data)
    {
        (targets, values, data) = (new address[](1), new uint256[](1), new bytes[](1));
        (targets[0], data[0]) = (SOMEBODY, call);
    }

    function _text() private view returns (string memory) {
        return string.concat("The same words #proposer=", VM.toString(_handler.voter(0)));
    }
}
